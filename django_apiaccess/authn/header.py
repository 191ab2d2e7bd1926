"""Reading the credential out of a request, strictly: one credential, in a header, of harmless characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from ..conf import access_settings
from ..core import secrets
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from .kinds import Presented

MAX_LENGTH: Final = 8192
SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
VALUE: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""token68 (RFC 9110 section 11.2), with the dot and the underscore where they come."""
PLAIN: Final = re.compile(rf"(api-key|bearer|dpop|token) ({VALUE.pattern})", re.IGNORECASE | re.ASCII)
"""What nearly every request sends. Anything else is taken apart to say what is wrong with it."""
SEVERAL: Final = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+[A-Za-z0-9._~+/=-]")


def presented(meta: Mapping[str, Any]) -> Presented | None:
    """The credential in the headers; None when there is none.

    Raises `InvalidCredential` for what cannot be one (`malformed`), for more than one (`ambiguous_credentials`, RFC 6750
    section 3.1) and for a key in the query string (`credential_in_query`, ASVS 14.2.1).
    """
    query = meta.get("QUERY_STRING", "")
    if query:
        refuse_in_query(query)
    authorization = meta.get("HTTP_AUTHORIZATION")
    key_header = meta.get("HTTP_X_API_KEY")
    imported = access_settings.imported_key_header
    if imported and imported in meta:
        if key_header is not None:
            raise InvalidCredential(Reason.AMBIGUOUS_CREDENTIALS, "a key was sent in two headers")
        key_header = meta[imported]
    if authorization is not None and key_header is not None:
        raise InvalidCredential(Reason.AMBIGUOUS_CREDENTIALS, "both Authorization and X-API-Key were sent")
    if key_header is not None:
        if "," in key_header:
            raise InvalidCredential(Reason.AMBIGUOUS_CREDENTIALS, "X-API-Key holds more than one value")
        return Presented("api-key", secrets.SecretText(_checked(key_header)))
    return None if authorization is None else _in_authorization(authorization)


def _in_authorization(authorization: str) -> Presented | None:
    if len(authorization) > MAX_LENGTH:
        scheme = _scheme_of(authorization)
        if scheme and not _is_ours(scheme):
            return None  # a Kerberos ticket is that long
        raise InvalidCredential(Reason.MALFORMED, f"longer than {MAX_LENGTH} characters")
    plain = PLAIN.fullmatch(authorization)
    if plain is not None:
        return Presented(plain[1].lower(), secrets.SecretText(plain[2]))
    if SEVERAL.search(authorization):
        raise InvalidCredential(Reason.AMBIGUOUS_CREDENTIALS, "Authorization holds more than one credential")
    scheme, value = _scheme_of(authorization), authorization.partition(" ")[2]
    if not scheme:
        raise InvalidCredential(Reason.MALFORMED, "no scheme")
    if not _is_ours(scheme):
        return None
    if not value:
        raise InvalidCredential(Reason.MALFORMED, "a scheme without a credential")
    return Presented(scheme, secrets.SecretText(_checked(value)))


SCHEMES: Final = frozenset({"api-key", "bearer", "dpop", "token", "basic"})
"""The schemes that are ours to judge. Others are left to the project's other authenticators."""


def _is_ours(scheme: str) -> bool:
    """Basic only where it is enabled: else it is another authenticator's, or a reverse proxy's that asks for a password of its own."""
    return scheme in SCHEMES and (scheme != "basic" or "basic" in access_settings.CREDENTIALS)


def is_dpop(meta: Mapping[str, Any]) -> bool:
    """Whether the request's credential came with the scheme DPoP (RFC 9449 section 7.1)."""
    return str(meta.get("HTTP_AUTHORIZATION", ""))[:5].lower() == "dpop "


def _scheme_of(authorization: str) -> str:
    """The scheme in lower case; empty where there is none."""
    scheme = authorization.partition(" ")[0]
    return scheme.lower() if SCHEME.fullmatch(scheme) else ""


def _checked(value: str) -> str:
    if len(value) > MAX_LENGTH or not VALUE.fullmatch(value):
        raise InvalidCredential(Reason.MALFORMED, "not a token of letters, digits and ._~+/=-")
    return value


def refuse_in_query(query: str) -> None:
    """Raise when the query string holds a key of ours. What stands in a URL ends up in logs and histories."""
    prefix = access_settings.KEY_PREFIX
    if f"{prefix}_" not in query and "%" not in query:
        return
    found = secrets.pattern(prefix).search(unquote_plus(query))
    if found is not None:
        raise InvalidCredential(
            Reason.CREDENTIAL_IN_QUERY,
            "an API key stands in the query string",
            kind="api_key",
            credential_label=secrets.mask(found[0]),
        )
