"""Step-up (RFC 9470): a running session proves more, or anew, and goes on.

Of a token session a new access token says it; the old one stays as weak as it was. The session keeps it too, so that later refreshes copy
it, with the time of the proof: refreshing never renews that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from ..authn.client import where_of
from ..core.access import Access
from ..core.proof import Proof
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from ..mfa import challenges, enrolment, policy
from ..mfa import service as mfa
from ..mfa.errors import MFAError, WrongCode
from ..mfa.methods import FactorRef, Response
from ..mfa.models import MFAChallenge
from ..passwords import sessions
from ..passwords.service import check_password
from ..tokens import service as tokens
from . import freshness

STEP_UP: Final = MFAChallenge.Purpose.STEP_UP
PASSWORD: Final = FactorRef("password", "password", "Password")


class CannotStepUp(MFAError):
    """A credential with no person behind it, or of another issuer."""

    code = Reason.MFA_IMPOSSIBLE.value
    status = 403
    message = "This kind of credential cannot prove anything more. A person must log in."


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """What was proven; for a token session with the access token that says so."""

    proof: Proof
    tokens: tokens.Tokens | None = None


def begin(request: Any, access: Access) -> tuple[str, list[FactorRef]]:
    """The challenge of a step-up, and what can be proven: the user's factors, or the password again where there are none.

    Raises `CannotStepUp`.
    """
    bound_to = _session_of(request, access)
    user = access.principal
    proof = Proof(access.amr, access.acr, access.auth_time or timezone.now())
    text, _ = challenges.begin(STEP_UP, _plain(user), proof=proof, bound_to=bound_to)
    return text, methods(user)


def methods(user: Any) -> list[FactorRef]:
    """What a session of the user can prove."""
    return mfa.choices(user) if policy.has_second_factor(user) else [PASSWORD]


def find(request: Any, access: Access, mfa_token: object) -> MFAChallenge:
    """The step-up challenge of this very session. Raises `InvalidChallenge`."""
    return challenges.find(mfa_token, (STEP_UP,), bound_to=_session_of(request, access))


def finish(request: Any, access: Access, mfa_token: object, method: str, response: Response) -> SteppedUp:
    """Prove it. Raises `MFAError` or `TooManyFailures`."""
    challenge = find(request, access, mfa_token)
    if method == PASSWORD.id and not policy.has_second_factor(challenge.user):
        _again(challenge, response.code, request)
    else:
        mfa.verify(challenge, method, response, where=where_of(request))
    return _raise(request, access, challenges.use(challenge))


def by_enrolment(request: Any, access: Access, factor: FactorRef) -> SteppedUp:
    """A factor that was just confirmed has been proven with it, beside what the session's user had proven a moment ago."""
    before = Proof(access.amr, access.acr, access.auth_time or timezone.now())
    return _raise(request, access, enrolment.proof_of(factor, before))


def fields_of(done: SteppedUp) -> dict[str, Any]:
    """What the client is told."""
    proof = done.proof
    told = {"amr": list(proof.amr), "acr": proof.acr, "auth_time": int(proof.auth_time.timestamp())}
    new = done.tokens
    if new is not None:
        told |= {
            "access_token": new.access_token,
            "token_type": new.token_type,
            "expires_in": new.expires_in,
            "scope": new.scope,
        }
    return told


def _raise(request: Any, access: Access, proof: Proof) -> SteppedUp:
    if access.session_id is None:
        sessions.prove(request, proof)
        return SteppedUp(proof)
    scopes = access.scopes | access.object_scopes
    where = where_of(request)
    return SteppedUp(proof, tokens.step_up(access.session_id, proof, scopes, where=where, dpop_jkt=access.dpop_jkt))


def _again(challenge: MFAChallenge, password: str, request: Any) -> None:
    """The password once more: no stronger than that, but fresh."""
    challenges.admit(challenge)
    user: Any = challenge.user
    try:
        found = check_password(request, user.get_username(), password)
    except InvalidCredential:
        raise WrongCode from None
    if found.pk != user.pk:
        raise WrongCode
    challenges.prove(challenge, Proof(("pwd",), "aal1", timezone.now()))


def _session_of(request: Any, access: Access) -> str:
    """What the challenge is bound to: the session that the access is of. Another client's user proves nothing to that client."""
    if not freshness.is_own_session(access):
        raise CannotStepUp
    return access.session_id or hashlib.sha256(str(request.session.session_key).encode()).hexdigest()


def _plain(user: Any) -> Any:
    """The model instance behind a principal that is loaded when needed."""
    return user._wrapped if hasattr(user, "_wrapped") and user.pk is not None else user  # noqa: SLF001 - Django's lazy object
