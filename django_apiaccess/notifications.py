"""Telling a person what happened to their account: by a signal, and by a function that the project can replace.

`API_ACCESS["NOTIFIER"]` is the dotted path of `notifier(user, kind, context)`; the default sends an e-mail when the user has an address.
It is called after commit; when it raises, that is logged and nothing else fails.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from .conf import access_settings
from .signals import user_notified

logger: Final = logging.getLogger("django_apiaccess")


def notify(user: Any, kind: str, context: dict[str, Any]) -> None:
    """Tell `user` of something that only they can judge. `context` never holds a secret. Each of its texts becomes one printable line."""
    context = _on_one_line(context)
    transaction.on_commit(lambda: _send(user, kind, context), robust=True)


def deliver(user: Any, kind: str, context: dict[str, Any]) -> None:
    """Tell `user` now, and raise what the notifier raises: for a caller that will try again. The signal comes once it was delivered."""
    context = _on_one_line(context)
    import_string(access_settings.NOTIFIER)(user, kind, context)
    user_notified.send_robust(sender=type(user), user=user, kind=kind, context=context)


def one_line(text: str) -> str:
    """`text` on one line, of characters that are seen: a name that somebody chose must not add lines to a mail, or turn it around."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))


def _on_one_line(context: dict[str, Any]) -> dict[str, Any]:
    return {name: one_line(value) if isinstance(value, str) else value for name, value in context.items()}


def _send(user: Any, kind: str, context: dict[str, Any]) -> None:
    user_notified.send_robust(sender=type(user), user=user, kind=kind, context=context)
    try:
        import_string(access_settings.NOTIFIER)(user, kind, context)
    except Exception:  # a mail server that is down must not undo what was decided
        logger.exception("The user could not be notified of %s", kind)


def send_email(user: Any, kind: str, context: dict[str, Any]) -> None:
    """The default notifier: `django_apiaccess/notifications/<kind>.txt`, whose first line is the subject."""
    address = getattr(user, user.get_email_field_name(), "") if hasattr(user, "get_email_field_name") else ""
    if not address:
        return
    text = render_to_string(f"django_apiaccess/notifications/{kind}.txt", {"user": user, **context})
    subject, _, body = text.strip().partition("\n")
    send_mail(subject.strip(), body.strip() + "\n", None, [address])
