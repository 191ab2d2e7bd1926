"""Signals of the app."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

access_event: Final = Signal()
"""Sent after every event of the audit log, once the change it tells of is committed. Argument: `event`, the unchangeable
`Event` row. Receivers that raise are logged and do not disturb the request."""

user_notified: Final = Signal()
"""Sent when a person is told of something about their account. Arguments: `user`, `kind` (`session_replayed`, ...), `context`."""
