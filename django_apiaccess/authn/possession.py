"""Proof of possession (RFC 9449): whether who presents a credential holds the key that it is bound to.

`confirm` is for credentials of requests, `held_key` for endpoints that give tokens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from django.utils.encoding import escape_uri_path
from django.utils.module_loading import import_string

from ..conf import access_settings
from ..core import nonces
from ..core.dpop import Proof, ProofError, check_proof
from ..core.reasons import Reason
from ..exceptions import InvalidCredential, InvalidProof
from .client import is_secure
from .kinds import Client, Presented
from .replays import spend

SCHEME: Final = "dpop"
SIGNATURES: Final = "django_apiaccess.tokens.dpop.verifies"
"""What verifies a proof's signature. By name, as the credential kinds: the libraries for it stay in `tokens`."""


def confirm(presented: Presented, client: Client, jkt: str, *, kind: str, demanded: bool = False, **whose: Any) -> None:
    """Raise `InvalidCredential` unless the credential came as it must: bound to the key `jkt`, with that key's proof for this request
    (RFC 9449 section 7.1); bound to none (empty), without (section 7.2).

    Last of all checks: it uses the proof up. `demanded`: a credential that is bound to no key is refused too. `whose` goes into the error.
    """
    problem = scheme_problem(presented.scheme, jkt, demanded=demanded)
    if problem is not None:
        raise InvalidCredential(*problem, kind=kind, **whose)
    if not jkt:
        return
    try:
        proof = _checked(client.request, presented.value)
        if proof.jkt != jkt:
            raise InvalidCredential(Reason.OTHER_KEY, "the proof is of another key", kind=kind, **whose)
        if not spend(proof):
            raise ProofError("the DPoP proof was used before: make a new one, with a new jti, for each request")
    except ProofError as error:
        reason = Reason.NONCE_MISSING if error.code == "use_dpop_nonce" else Reason.BAD_PROOF
        raise InvalidCredential(reason, str(error), kind=kind, **whose) from None


def scheme_problem(scheme: str, jkt: str, *, demanded: bool) -> tuple[Reason, str] | None:
    """Why a credential that is bound to the key `jkt` (empty: to none) may not come with this scheme, whatever proof is beside it."""
    if scheme != SCHEME:
        if jkt:
            return Reason.PROOF_MISSING, "bound to a key, sent without its proof"
        return (Reason.NOT_BOUND, "only tokens bound to a key are accepted") if demanded else None
    return None if jkt else (Reason.NOT_BOUND, "sent as DPoP, but bound to no key")


@dataclass(frozen=True, slots=True)
class HeldKey:
    """The key that a request for tokens proves to hold: `jkt` is its thumbprint, empty where no proof was sent."""

    jkt: str = ""
    proof: Proof | None = None

    def use(self) -> str:
        """Use the proof up, once all else is right and before tokens are handed out; the thumbprint. Raises `InvalidProof`.

        Not before: anybody can make proofs, and each that is used up is a row.
        """
        if self.proof is not None and not spend(self.proof):
            text = "the DPoP proof was used before: make a new one, with a new jti, for each request"
            raise InvalidProof(text, ProofError(text).code, nonce_headers())
        return self.jkt


NO_KEY: Final = HeldKey()


def held_key(request: Any, *, required: bool = False) -> HeldKey:
    """The key that a request for tokens proves to hold (RFC 9449 section 5).

    Raises `InvalidProof`, also for a missing proof where it is `required` or the setting `DPOP["REQUIRED"]` says so.
    """
    http = getattr(request, "_request", request)
    if "HTTP_DPOP" not in http.META and not (required or access_settings.DPOP_REQUIRED):
        return NO_KEY
    try:
        proof = _checked(http, None)
    except ProofError as error:
        raise InvalidProof(str(error), error.code, nonce_headers()) from None
    return HeldKey(proof.jkt, proof)


def nonce_headers() -> dict[str, str]:
    """`DPoP-Nonce` with the present nonce, for every answer to a request with a proof; nothing where no nonce is demanded."""
    return {"DPoP-Nonce": nonces.make(access_settings.PEPPERS, time.time())} if access_settings.DPOP_NONCE else {}


def _checked(http: Any, access_token: str | None) -> Proof:
    """The proof of the request, right but perhaps not new. Raises `ProofError`."""
    text = http.META.get("HTTP_DPOP")
    if text is None:
        raise ProofError("the header DPoP with the proof is missing")
    now = time.time()
    return check_proof(
        text,
        method=http.method,
        url=external_url(http),
        access_token=access_token,
        now=now,
        leeway=access_settings.DPOP_LEEWAY,
        verifies=import_string(SIGNATURES),
        nonce_accepted=(lambda nonce: nonces.accepted(nonce, access_settings.PEPPERS, now))
        if access_settings.DPOP_NONCE
        else None,
    )


def external_url(http: Any) -> str:
    """The URL of the request as its client knows it, without the query: https also where TLS ended at one of `TRUSTED_PROXIES`."""
    return f"{'https' if is_secure(http) else 'http'}://{http.get_host()}{escape_uri_path(http.path)}"
