"""An access token that travelled in the clear."""

from __future__ import annotations

from typing import Final

from .. import notifications
from ..authn.kinds import Client, Presented
from ..events.source import Actor
from ..exceptions import InvalidCredential
from .credential import JWTKind
from .ending import end as end_sessions
from .models import TokenSession

REASON: Final = "its access token was sent over plain HTTP"


def end(presented: Presented, client: Client) -> None:
    """End the session of a right token of ours, and tell its user, once. Sessions at other issuers are theirs to end."""
    try:
        access = JWTKind().inspect_own(presented)
    except InvalidCredential:
        return
    by = Actor("system", "django_apiaccess", where=client.where)
    sessions = TokenSession.objects.filter(sid=access.session_id)
    if not end_sessions(sessions, reason=REASON, by=by):
        return
    session = sessions.select_related("user").get()
    what = f'session on "{session.device}"' if session.device else "session"
    notifications.notify(
        session.user,
        "credential_exposed",
        {"what": what, "remedy": "Log in again", "address": client.address},
    )
