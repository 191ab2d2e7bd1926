"""Signals of the app."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

access_event: Final = Signal()
"""Sent after every event of the audit log, once the change it tells of is committed. Argument: `event`, the unchangeable
`Event` row. Receivers that raise are logged and do not disturb the request."""

user_notified: Final = Signal()
"""Sent when a person is told of something about their account. Arguments: `user`, `kind` (`session_replayed`, ...), `context`."""

credential_expiring: Final = Signal()
"""Sent by `send_reminders` once for each credential and stage before its end. Argument: `reminder`, a `Reminder` row: kind and id of the
credential, `stage` as `14d`, `about` (the end), `owner` (None: nobody)."""

credential_inactive: Final = Signal()
"""Sent by `send_reminders` once for each credential that nobody has used for long. Argument: `reminder`; its `about` is the last use."""
