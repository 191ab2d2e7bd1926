"""What a caller sees of a refusal: status, body, challenge. One constant answer wherever a difference would help an attacker.

DRF-free: `authentication` and `permissions` turn an `Answer` into DRF's exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ..conf import access_settings
from ..core.assurance import ACR_LEVELS, rank
from ..core.decision import Decision
from ..core.dpop import ALGORITHMS
from ..core.reasons import Reason
from ..core.requirement import And, HasMFA, Or, Requirement

REALM: Final = "api"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer to a refused request."""

    status: int
    code: str
    detail: str
    challenge: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """`{"detail", "code"}` and what else helps."""
        return {"detail": self.detail, "code": self.code, **self.extra}


def challenge(scheme: str, **parameters: str) -> str:
    """One challenge (RFC 9110 section 11.6.1). Values keep to the characters that RFC 6750 section 3 allows in a quoted-string."""
    safe = ((name, _quotable(value)) for name, value in {"realm": REALM, **parameters}.items())
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in safe)


def _quotable(value: str) -> str:
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in value)


def invitation(**bearer: str) -> str:
    """The challenges of all schemes that are accepted in a header; parameters go to Bearer."""
    return f"{challenge('Api-Key')}, {challenge('Bearer', **bearer)}"


BASIC: Final = 'Basic realm="api", charset="UTF-8"'
"""RFC 7617 section 2.1. Browsers ask for a password when they see it, so it goes out only where Basic is enabled."""


DPOP: Final = challenge("DPoP", algs=" ".join(ALGORITHMS))
"""RFC 9449 section 7.1. Goes out where a kind of credential is enabled that can be bound to a key."""
BINDABLE: Final = frozenset({"api_key", "jwt"})
BEARER: Final = challenge("Bearer")


def challenges_of(answer: Answer, metadata: str = "", *, dpop: bool = False) -> str:
    """The challenges of an answer as they go out: with those of DPoP and Basic where a credential is asked for and they are enabled.

    `metadata` is the address that Bearer's challenge names (RFC 9728 section 5.1). `dpop`: the credential came with the scheme DPoP, so
    what is wrong with it is said in that challenge, not in Bearer's (RFC 9449 section 7.2).
    """
    before, bearer, parameters = answer.challenge.partition(BEARER)
    if not bearer:
        return answer.challenge
    named = f'{BEARER}, resource_metadata="{_quotable(metadata)}"' if metadata else BEARER
    if not before.startswith("Api-Key "):
        return f"{DPOP}{parameters}" if dpop else f"{named}{parameters}"
    sent = before + (f"{named}, {DPOP}{parameters}" if dpop else f"{named}{parameters}")
    if not dpop and not BINDABLE.isdisjoint(access_settings.CREDENTIALS):
        sent = f"{sent}, {DPOP}"
    return f"{sent}, {BASIC}" if "basic" in access_settings.CREDENTIALS else sent


NOT_AUTHENTICATED: Final = Answer(
    401, "not_authenticated", "Send a credential: Authorization: Api-Key <key>.", invitation()
)
INVALID_LOGIN: Final = Answer(401, "invalid_credential", "The user name or the password is not right.", invitation())
INVALID: Final = Answer(
    401,
    "invalid_credential",
    "The credential is not valid.",
    invitation(error="invalid_token", error_description="The credential is not valid"),
)
MALFORMED: Final = Answer(
    401,
    "invalid_credential",
    "The credential is malformed. Check that it was copied whole and sent as: Authorization: Api-Key <key>.",
    INVALID.challenge,
)
OTHER_KEY: Final = Answer(
    401,
    "invalid_credential",
    "The credential is not valid.",
    invitation(error="invalid_token", error_description="Invalid DPoP key binding"),
)
AMBIGUOUS: Final = Answer(
    400,
    "ambiguous_credentials",
    "More than one credential was sent. Send exactly one, in one header.",
    invitation(error="invalid_request", error_description="More than one credential was sent"),
)
IN_QUERY: Final = Answer(
    401,
    "credential_in_query",
    "An API key stands in the URL, where logs keep it. Rotate it, and send it in a header: Authorization: Api-Key <key>.",
    invitation(error="invalid_request", error_description="A credential must not be sent in the query string"),
)
INSECURE: Final = Answer(
    403, "insecure_transport", "Credentials are accepted over HTTPS only. This one was sent in the clear: rotate it."
)
NETWORK: Final = Answer(403, "network_not_allowed", "This credential may not be used from this address.")
ORIGIN: Final = Answer(403, "origin_not_allowed", "This credential may not be used from this origin.")
ISSUER_UNAVAILABLE: Final = Answer(
    503, "issuer_unavailable", "The issuer of this token cannot be reached to verify it. Try again in a moment."
)
SESSION_PENDING: Final = Answer(
    401, "mfa_required", "This session has yet to prove a second factor: its user must finish the log-in.", invitation()
)
CSRF: Final = Answer(403, "csrf_failed", "The CSRF token is missing or wrong.")

BY_REASON: Final[dict[Reason, Answer]] = {
    Reason.MALFORMED: MALFORMED,
    Reason.CHECKSUM: MALFORMED,
    Reason.UNRECOGNISED: MALFORMED,
    Reason.AMBIGUOUS_CREDENTIALS: AMBIGUOUS,
    Reason.CREDENTIAL_IN_QUERY: IN_QUERY,
    Reason.INSECURE_TRANSPORT: INSECURE,
    Reason.NETWORK: NETWORK,
    Reason.ORIGIN: ORIGIN,
    Reason.CSRF: CSRF,
}


def for_proof(reason: Reason, problem: str) -> Answer:
    """The answer to a DPoP proof that does not hold, of a credential that is right: only its sender can mend it, so it is told how."""
    code = "use_dpop_nonce" if reason is Reason.NONCE_MISSING else "invalid_dpop_proof"
    return Answer(401, code, f"{problem[:1].upper()}{problem[1:]}.", invitation(error=code, error_description=problem))


def for_credential(reason: Reason, kind: str = "", detail: str = "") -> Answer:
    """The answer to a refused credential: the same for all that is unknown, wrong, expired, revoked or inactive; of a JWT also for a wrong
    form (RFC 8725): only its issuer can mend it, not who sends it. `detail` is told of a proof alone.
    """
    if reason in {Reason.BAD_PROOF, Reason.NONCE_MISSING}:
        return for_proof(reason, detail)
    if reason is Reason.OTHER_KEY:
        return OTHER_KEY
    if kind == "jwt":
        return INVALID
    if kind == "session" and reason is Reason.MFA_REQUIRED:
        return SESSION_PENDING
    return BY_REASON.get(reason, INVALID)


UNDECLARED: Final = Answer(
    403,
    "undeclared",
    "This endpoint declares no access for the request, so it is closed. Its developer must declare one.",
)


def for_decision(decision: Decision, requirement: Requirement) -> Answer:
    """The answer to an authenticated caller whom a requirement refuses."""
    reason = decision.reason or Reason.SCOPE_MISSING
    if reason in {Reason.MFA_MISSING, Reason.MFA_TOO_OLD}:
        return _step_up(requirement, reason)
    if decision.missing_scopes or reason is Reason.SCOPE_REQUIRED:
        listed = " ".join(decision.missing_scopes)
        code, detail = "insufficient_scope", f"This needs the scope {', '.join(decision.missing_scopes)}."
        if reason is Reason.SCOPE_REQUIRED:
            detail = (
                "No scope of this credential opens this endpoint: a role alone does not open it to a scoped credential."
            )
        elif reason is Reason.OBJECT:
            detail = f"The scope {listed} is held on other objects only."
        elif reason is not Reason.SCOPE_MISSING:
            code, detail = (
                reason.value,
                f"{DETAILS[reason]} It also needs the scope {', '.join(decision.missing_scopes)}.",
            )
        header = challenge("Bearer", error="insufficient_scope", **({"scope": listed} if listed else {}))
        extra = {"required": list(decision.required_scopes), "missing": list(decision.missing_scopes)}
        return Answer(403, code, detail, header, extra)
    return Answer(403, reason.value, DETAILS.get(reason, "This is not allowed."))


DETAILS: Final[dict[Reason, str]] = {
    Reason.ROLE_MISSING: "This needs a role that the caller does not hold.",
    Reason.PERMISSION_MISSING: "This needs a permission that the caller does not have, or that the credential's scopes do not open.",
    Reason.OBJECT: "The caller holds this right on other objects only.",
    Reason.OTHER_CLIENT: "This is for the account's owner: a token that was given to a client does not open it.",
    Reason.MFA_IMPOSSIBLE: "This needs a person who proved a second factor; this kind of credential cannot do that.",
}


def _step_up(requirement: Requirement, reason: Reason) -> Answer:
    """RFC 9470: say which assurance is missing, so that the client can go and get it."""
    wanted = list(_factors(requirement))
    acr = max((need.acr for need in wanted), key=rank, default=ACR_LEVELS[-1])
    ages = [need.max_age for need in wanted if need.max_age is not None]
    parameters = {
        "error": "insufficient_user_authentication",
        "error_description": "More recent authentication is required"
        if reason is Reason.MFA_TOO_OLD
        else "A different authentication level is required",
        "acr_values": acr,
    }
    if ages:
        parameters["max_age"] = str(min(ages))
    detail = f"{parameters['error_description']}."
    return Answer(401, "insufficient_user_authentication", detail, challenge("Bearer", **parameters))


def _factors(requirement: Requirement) -> Iterable[HasMFA]:
    if isinstance(requirement, HasMFA):
        yield requirement
    if isinstance(requirement, And | Or):
        for part in requirement.parts:
            yield from _factors(part)
