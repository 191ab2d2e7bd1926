"""Logging in: where passwords, second factors and token sessions meet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.signals import user_logged_in
from django.utils import timezone

from ..authn.client import where_of
from ..authn.failures import network_of
from ..authn.possession import NO_KEY, HeldKey
from ..authn.rates import take
from ..core.proof import Proof
from ..core.rates import Rate
from ..core.scopes import dump, parse
from ..exceptions import MFARequired, TooManyFailures
from ..mfa import challenges, policy, trusted
from ..mfa import service as mfa
from ..mfa.errors import InvalidChallenge
from ..mfa.methods import Response
from ..mfa.models import MFAChallenge
from ..passwords.service import check_password
from ..roles import names
from ..tokens import service as tokens

Purpose = MFAChallenge.Purpose
LOGINS: Final = (Purpose.LOGIN, Purpose.ENROLMENT, Purpose.PASSKEY)
PASSWORD: Final = "pwd"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A finished log-in: its tokens, where the refresh token is to go, and the cookie of a device that is trusted from now on."""

    tokens: tokens.Tokens
    delivery: str = "body"
    trusted_device: str | None = field(default=None, repr=False)


def log_in(
    request: Any,
    *,
    username: str,
    password: str,
    scopes: Iterable[str] | None = None,
    device: str = "",
    delivery: str = "body",
    key: HeldKey = NO_KEY,
) -> tokens.Tokens:
    """A token session for the account whose password this is, bound to the `key` that the request proved to hold.

    Raises `InvalidCredential`, `TooManyFailures`, `MFARequired` (a password alone does not do for this account: it brings the token with
    which the log-in goes on), `InvalidGrant`, `UnknownName`.
    """
    user = check_password(request, username, password)
    asked = None if scopes is None else names.scope_names(scopes)
    proof = Proof((PASSWORD,), "aal1", timezone.now())
    context = {"scope": None if asked is None else dump(asked), "device": device, "delivery": delivery}
    if policy.has_second_factor(user):
        if not trusted.is_trusted(user, trusted.taken_from(request)):
            text, challenge = challenges.begin(Purpose.LOGIN, user, proof=proof, context=context)
            raise MFARequired(user, token=text, methods=tuple(mfa.choices(challenge.user)))
    elif policy.must_enrol(user):
        text, _ = challenges.begin(Purpose.ENROLMENT, user, proof=proof, context=context, lifetime=ENROLMENT_LIFETIME)
        raise MFARequired(user, token=text, enrolment=True)
    return _open(request, user, proof, context, key)


ENROLMENT_LIFETIME: Final = challenges.LIFETIME * 3
"""Whoever enrols must first find a phone and install an app."""
PASSKEY_RATE: Final = Rate(60, 60)
"""Log-ins by passkey alone that one network may begin: each makes a row, and anybody may ask."""


def begin_passkey(request: Any, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The challenge of a log-in by passkey alone, and the options for the browser. Raises `NoSuchMethod` where there are no passkeys."""
    where = where_of(request)
    taken = take(f"passkey:network:{network_of(where.address)}", PASSKEY_RATE, time.time())
    if not taken.allowed:
        raise TooManyFailures(taken.reset)
    text, challenge = challenges.begin(Purpose.PASSKEY, context=context)
    return text, mfa.start(challenge, "webauthn", request=request, where=where_of(request))


def go_on(
    request: Any,
    mfa_token: object,
    method: str,
    response: Response,
    *,
    remember: bool = False,
    key: HeldKey = NO_KEY,
) -> LoggedIn:
    """Finish a log-in by its second factor, or by a passkey alone; after an enrolment by the factor that was just confirmed.

    `key`: the one that this request proved to hold; the session is bound to it.

    Raises `MFAError`, `TooManyFailures`, `InvalidGrant`.
    """
    challenge = challenges.find(mfa_token, LOGINS)
    where = where_of(request)
    if challenge.purpose != Purpose.ENROLMENT:
        mfa.verify(challenge, method, response, where=where)
    elif challenge.proven_at is None:
        raise InvalidChallenge("Add a factor first, with this mfa_token in the body.")
    proof = challenges.use(challenge)
    context = challenge.context
    begun = _open(request, challenge.user, proof, context, key)
    device = trusted.trust(challenge.user, where=where, name=context.get("device", "")) if remember else None
    return LoggedIn(begun, context.get("delivery", "body"), device)


def _open(request: Any, user: Any, proof: Proof, context: dict[str, Any], key: HeldKey) -> tokens.Tokens:
    asked = context.get("scope")
    wanted = tokens.requested_scopes(user, None if asked is None else parse(asked))
    device = context.get("device", "")
    jkt = key.use()
    begun = tokens.begin(user, proof=proof, where=where_of(request), scopes=wanted, device=device, dpop_jkt=jkt)
    user_logged_in.send_robust(sender=type(user), request=request, user=user)
    return begun
