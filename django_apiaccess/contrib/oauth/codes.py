"""Authorization codes: given to a browser, redeemed by a client, once (RFC 6749 section 4.1, RFC 9700 section 2.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from ...authn.marks import password_mark, password_unchanged
from ...core.reasons import Reason
from ...events.record import refused
from ...events.source import Actor, Where
from ...events.tags import Action
from ...tokens.ending import end
from ...tokens.models import TokenSession
from ...tokens.ring import ring
from ...tokens.service import new_sid
from . import granting, issuing, options, single_use
from .errors import OAuthError
from .models import AuthorizationCode, OAuthClient, SingleUse

PREFIX: Final = "ac"


def give(client: OAuthClient, user: Any, **columns: Any) -> str:
    """A code for what the user approved. Its text is in the answer and nowhere else."""
    lifetime = options.lifetime("CODE_LIFETIME")
    columns["password_mark"] = password_mark(user)
    _, text = single_use.make(AuthorizationCode, PREFIX, lifetime=lifetime, client=client, user=user, **columns)
    return text


def find(text: str) -> AuthorizationCode | None:
    """The code with its user, used or not, living or not."""
    return single_use.find(AuthorizationCode, text, PREFIX, "user")[0]


def redeem(
    code: AuthorizationCode, client: OAuthClient, *, jkt: str, resources: list[str], where: Where
) -> dict[str, Any]:
    """The tokens for a code that is the client's, whose verifier and redirect URI proved right.

    Raises `OAuthError`: `invalid_grant` for one that is over or was used. That ends what the first use began: code, verifier and client
    are right, so one of the two users is not who it should be. The race of two ends the same way.
    """
    if code.dpop_jkt and code.dpop_jkt != jkt:
        raise OAuthError("invalid_grant", "The code is bound to another key.")
    if not (code.user.is_active and password_unchanged(code.password_mark, code.user.password)):
        raise OAuthError("invalid_grant", "The code is not valid.")
    audience = granting.narrowed_resource(code.resource, resources)
    now, sid = timezone.now(), new_sid()
    ring.ready()
    with transaction.atomic():
        mine = single_use.use(code, now, sid=sid)
        if mine:
            session, text = issuing.open_for(client, code.user, code, sid=sid, jkt=jkt, where=where)
    if not mine:
        spent(code, now, client, where=where)
        raise OAuthError("invalid_grant", "The code is not valid.")
    tokens = issuing.tokens_of(session, code.user, text, issuing.proof_of(code), client, jkt=jkt, audience=audience)
    return issuing.body_of(tokens, id_token=issuing.id_token(session, code.user, tokens, nonce=code.nonce))


def spent(row: SingleUse, now: datetime, client: OAuthClient, *, where: Where) -> None:
    """After a code could not be used up: end what an earlier use of it began. One that merely expired ends nothing."""
    stored = type(row).objects.filter(pk=row.pk).values_list("used_at", "sid").first()  # type: ignore[misc]
    if stored is None or stored[0] is None or not stored[1]:
        return
    by = Actor("anonymous", "", where=where)
    details = {"client": client.client_id, "session": stored[1], "severity": "high"}
    refused(Action.CODE_REPLAYED, Reason.REPLAYED, by=by, outcome="failed", **details)
    end(TokenSession.objects.filter(sid=stored[1]), reason="a used code was presented again", by=by)
