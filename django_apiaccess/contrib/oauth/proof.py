"""What a client may ask of how its person logged in (OpenID Connect Core section 3.1.2.1, RFC 9470): `prompt`, `max_age`, `acr_values`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core import signing
from django.utils import timezone

from ...core.assurance import rank
from ...core.proof import Proof
from ...mfa.service import choices
from ...passwords.sessions import is_pending, proof_of
from .errors import OAuthError
from .parameters import Parameters

PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
SALT: Final = "django_apiaccess.oauth.reauthentication"
STAMP: Final = "reauth"
"""The parameter that says, signed, when somebody was sent to the log-in page for this request."""
STAMP_LIFETIME: Final = timedelta(minutes=30)
LOG_IN: Final = "log_in"
PROVE: Final = "prove"
UNMET: Final = "unmet"
REACHES: Final = {"totp": "aal2", "recovery": "aal2", "sms": "aal2-sms", "webauthn": "phr"}
LONG_AGO: Final = datetime.fromtimestamp(1, UTC)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the request asks for. `since`: when its person was sent to log in for this request, or to prove more (`proving`)."""

    prompts: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    since: datetime | None = None
    proving: bool = False


def policy_of(parameters: Parameters) -> Policy:
    """The policy of an authorization request. Raises `OAuthError` (`invalid_request`)."""
    prompts = frozenset(parameters.get("prompt", "").split())
    if prompts - PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthError("invalid_request", "prompt must be none alone, or of login, consent and select_account.")
    text = parameters.get("max_age")
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise OAuthError("invalid_request", "max_age must be a number of seconds.")
    acr_values = tuple(parameters.get("acr_values", "").split())
    return Policy(prompts, None if text is None else int(text), acr_values, *_since(parameters))


def stamped(parameters: Parameters, *, proving: bool = False) -> str:
    """The stamp of this moment, for the URL that the page where somebody logs in, or proves more, returns to."""
    return signing.dumps([_subject(parameters), int(timezone.now().timestamp()), proving], salt=SALT)


def _since(parameters: Parameters) -> tuple[datetime | None, bool]:
    try:
        subject, seconds, proving = signing.loads(parameters.get(STAMP, ""), salt=SALT, max_age=STAMP_LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return None, False
    return (datetime.fromtimestamp(seconds, UTC), bool(proving)) if subject == _subject(parameters) else (None, False)


def _subject(parameters: Parameters) -> str:
    """The request that a stamp is for: that of one client, with one challenge."""
    return f"{parameters.get('client_id', '')} {parameters.get('code_challenge', '')}"


def proof_problem(request: Any, policy: Policy) -> str | None:
    """What the log-in of the request's session lacks: `LOG_IN` (again), `PROVE` (a second factor), `UNMET` (it cannot be had), or None.

    A second factor is asked for once for each request: whoever comes back without enough has none that is strong enough.
    """
    if is_pending(request.session):
        return PROVE
    proof = proof_of(request.session)
    auth_time = proof.get("auth_time")
    again = policy.since is not None and auth_time is not None and auth_time >= policy.since
    if policy.prompts & {"login", "select_account"} and not again:
        return LOG_IN
    if policy.max_age is not None and not again:
        oldest = timezone.now() - timedelta(seconds=policy.max_age)
        if auth_time is None or policy.max_age == 0 or auth_time < oldest:
            return LOG_IN
    wanted = [rank(name) for name in policy.acr_values]
    if wanted and not any(0 <= level <= rank(proof.get("acr", "")) for level in wanted):
        return UNMET if policy.proving or not can_prove(request.user, min(wanted)) else PROVE
    return None


def can_prove(user: Any, level: int) -> bool:
    """Whether the person has a factor that reaches the level."""
    return any(rank(REACHES.get(factor.type, "")) >= level for factor in choices(user))


def proof_of_request(request: Any) -> Proof:
    """How the person of the request proved who they are; of a session that says no time, the last log-in."""
    found = proof_of(request.session)
    auth_time = found.get("auth_time") or getattr(request.user, "last_login", None) or LONG_AGO
    return Proof(tuple(found.get("amr", ())), str(found.get("acr", "")), auth_time)
