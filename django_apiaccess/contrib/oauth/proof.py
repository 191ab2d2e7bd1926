"""What a client may ask of how its person logged in (OpenID Connect Core section 3.1.2.1, RFC 9470): `prompt`, `max_age`, `acr_values`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core import signing
from django.utils import timezone

from ...core.assurance import rank
from ...passwords.sessions import proof_of
from ...tokens.service import Proof
from .errors import OAuthError
from .parameters import Parameters

PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
SALT: Final = "django_apiaccess.oauth.reauthentication"
STAMP: Final = "reauth"
"""The parameter that says, signed, when somebody was sent to the log-in page for this request."""
STAMP_LIFETIME: Final = timedelta(minutes=30)
LOG_IN: Final = "log_in"
UNMET: Final = "unmet"
LONG_AGO: Final = datetime.fromtimestamp(1, UTC)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the request asks for. `since`: when its person was sent to log in, for this request."""

    prompts: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    since: datetime | None = None


def policy_of(parameters: Parameters) -> Policy:
    """The policy of an authorization request. Raises `OAuthError` (`invalid_request`)."""
    prompts = frozenset(parameters.get("prompt", "").split())
    if prompts - PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthError("invalid_request", "prompt must be none alone, or of login, consent and select_account.")
    text = parameters.get("max_age")
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise OAuthError("invalid_request", "max_age must be a number of seconds.")
    acr_values = tuple(parameters.get("acr_values", "").split())
    return Policy(prompts, None if text is None else int(text), acr_values, _since(parameters))


def stamped(parameters: Parameters) -> str:
    """The stamp of this moment, for the URL that the log-in page returns to."""
    return signing.dumps([_subject(parameters), int(timezone.now().timestamp())], salt=SALT)


def _since(parameters: Parameters) -> datetime | None:
    try:
        subject, seconds = signing.loads(parameters.get(STAMP, ""), salt=SALT, max_age=STAMP_LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return datetime.fromtimestamp(seconds, UTC) if subject == _subject(parameters) else None


def _subject(parameters: Parameters) -> str:
    """The request that a stamp is for: that of one client, with one challenge."""
    return f"{parameters.get('client_id', '')} {parameters.get('code_challenge', '')}"


def proof_problem(request: Any, policy: Policy) -> str | None:
    """What the log-in of the request's session lacks: `LOG_IN` (again), `UNMET` (it cannot be had by logging in), or None.

    The one place where a page for a second factor plugs in: one that can raise `acr` answers in the place of `UNMET`.
    """
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
        return UNMET
    return None


def proof_of_request(request: Any) -> Proof:
    """How the person of the request proved who they are; of a session that says no time, the last log-in."""
    found = proof_of(request.session)
    auth_time = found.get("auth_time") or getattr(request.user, "last_login", None) or LONG_AGO
    return Proof(tuple(found.get("amr", ())), str(found.get("acr", "")), auth_time)
