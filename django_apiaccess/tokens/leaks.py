"""Refresh tokens and access tokens that somebody found where they should not be: their session ends, whatever the policy for keys is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.db import transaction

from .. import notifications
from ..authn.kinds import Presented
from ..core.leaks import Judged, Report
from ..events.record import changed
from ..events.tags import Action
from ..exceptions import InvalidCredential
from . import refreshing
from .credential import JWTKind
from .ending import end
from .models import TokenSession

HAPPENED: Final = "Its session was ended: nothing can be done with it any more. Log in again."


def judge_refresh_tokens(texts: Sequence[str]) -> Mapping[str, Judged]:
    """What texts of the form of our refresh tokens are; a used one is as good as another: somebody else has it."""
    right = refreshing.find_many(texts)
    return {
        text: _ending(right[text].session.sid, "refresh token") if text in right else Judged(False) for text in texts
    }


def judge_access_tokens(texts: Sequence[str]) -> Mapping[str, Judged]:
    """What JWTs are: living access tokens of ours, or nothing that can be proven."""
    return {text: _judge_access_token(text) for text in texts}


def _judge_access_token(text: str) -> Judged:
    try:
        access = JWTKind().inspect_own(Presented("bearer", text))
    except InvalidCredential:
        return Judged(None)  # an expired one of ours, or another issuer's: who knows
    return _ending(access.session_id or "", "access token")


def _ending(sid: str, kind: str) -> Judged:
    return Judged(True, lambda report: respond(sid, kind, report))


def respond(sid: str, kind: str, report: Report) -> None:
    """End the session, and tell its user: once."""
    with transaction.atomic():
        sessions = TokenSession.objects.filter(sid=sid)
        if not end(sessions, reason=f"its {kind} leaked: reported by {report.reporter}", by=report.by):
            return
        session = sessions.select_related("user").get()
        facts = {"reporter": report.reporter, "source": report.source, "url": report.url, "kind": kind}
        changed(Action.CREDENTIAL_LEAKED, session, by=report.by, **{name: fact for name, fact in facts.items() if fact})
        what = f'{kind} of your session on "{session.device}"' if session.device else f"{kind} of a session of yours"
        context = {"what": what, "happened": HAPPENED, "reporter": report.reporter, "url": report.url}
        notifications.notify(session.user, "credential_leaked", context)
