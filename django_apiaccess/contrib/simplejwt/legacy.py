"""Tokens that simplejwt made, verified strictly while they still live (`API_ACCESS["LEGACY_JWT"]`).

Only the one algorithm and key that the setting names, only the header that simplejwt writes (`alg` and `typ`, no `kid`), and every claim
by type, time and longest lifetime. After `ACCEPT_UNTIL` nothing of this is accepted any more.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils import timezone

from ...conf import access_settings
from ...core import compact
from ...core.claims import PRINTABLE, Expectation, check_audience, check_times, number
from ...core.compact import CompactToken, TokenFormatError
from ...core.reasons import Reason
from ...exceptions import InvalidCredential
from ...tokens.jws import VerifyingKey
from .options import HASHES, read

KIND: Final = "jwt"
ACCESS: Final = "access"
REFRESH: Final = "refresh"
HEADER: Final = frozenset({"alg", "typ"})
"""What simplejwt writes into the header: a token of ours, or of another issuer, has a `kid` or another `typ`."""


@dataclass(frozen=True, slots=True)
class LegacyTokens:
    """`API_ACCESS["LEGACY_JWT"]`, read and checked."""

    algorithm: str
    key: Any = field(repr=False)
    issuer: str | None
    audiences: tuple[str, ...]
    user_id_claim: str
    user_id_field: str
    token_type_claim: str
    jti_claim: str
    password_claim: str | None
    accept_until: datetime
    scopes: frozenset[str] | None
    """What an old token may be used for, within what its user holds; None: all that the user holds."""
    lifetimes: Mapping[str, timedelta]
    leeway: timedelta

    def made(self, text: str) -> bool:
        """Whether the form of `text` says that simplejwt made it. Nothing is verified. No I/O."""
        try:
            return self._has_form(compact.parse(text))
        except TokenFormatError:
            return False

    def _has_form(self, token: CompactToken) -> bool:
        is_plain = token.header.keys() == HEADER and token.typ == "jwt" and token.algorithm == self.algorithm
        return is_plain and self.token_type_claim in token.claims

    def verified(self, text: str, *token_types: str) -> dict[str, Any]:
        """The claims of a token of one of these types (`access`, `refresh`). Raises `InvalidCredential`. No I/O."""
        try:
            token = compact.parse(text)
            if not self._has_form(token):
                raise InvalidCredential(Reason.UNRECOGNISED, "not a token of simplejwt", kind=KIND)
            if not self._signed(token):
                raise InvalidCredential(Reason.BAD_SIGNATURE, "signed with another key than the old one", kind=KIND)
            self._check(token.claims, token_types)
        except TokenFormatError as error:
            reason = Reason.EXPIRED if str(error) == "expired" else Reason.BAD_CLAIMS
            raise InvalidCredential(reason, str(error), kind=KIND) from None
        return token.claims

    def _signed(self, token: CompactToken) -> bool:
        if self.algorithm in HASHES:
            return hmac.compare_digest(
                hmac.digest(self.key, token.signing_input, HASHES[self.algorithm]), token.signature
            )
        return VerifyingKey(None, self.algorithm, self.key).verifies(token)

    def _check(self, claims: dict[str, Any], token_types: tuple[str, ...]) -> None:
        token_type = claims[self.token_type_claim]
        if token_type not in token_types:
            raise TokenFormatError(f"a token of the type {token_type!r:.40} is not accepted here")
        if claims.get("iss") != self.issuer or ("iss" in claims and self.issuer is None):
            raise TokenFormatError("iss is another issuer")
        if self.audiences:
            check_audience(claims.get("aud"), self.audiences)
        elif "aud" in claims:
            raise TokenFormatError("aud is another audience")
        self.jti(claims)
        if number(claims, "iat") is None:
            raise TokenFormatError("iat is missing")
        longest = self.lifetimes[token_type]
        check_times(claims, Expectation("", (), max_lifetime=longest, leeway=self.leeway), time.time())

    def jti(self, claims: Mapping[str, Any]) -> str:
        """The token's id. Raises `TokenFormatError`."""
        jti = claims.get(self.jti_claim)
        if not isinstance(jti, str) or not PRINTABLE.fullmatch(jti):
            raise TokenFormatError(f"{self.jti_claim} is not a short printable text")
        return jti

    def user(self, claims: Mapping[str, Any]) -> Any:
        """The active user whom verified claims name, with the password that the token was made under. Raises `InvalidCredential`."""
        value = claims.get(self.user_id_claim)
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value[:256] == value)):
            raise InvalidCredential(Reason.BAD_CLAIMS, f"{self.user_id_claim} names no user", kind=KIND)
        try:
            user = get_user_model()._default_manager.filter(**{self.user_id_field: value}).first()
        except (ValueError, TypeError, OverflowError, ValidationError):
            raise InvalidCredential(Reason.BAD_CLAIMS, f"{self.user_id_claim} names no user", kind=KIND) from None
        if user is None:
            raise InvalidCredential(Reason.UNKNOWN, "its user is gone", kind=KIND)
        if not user.is_active:
            raise InvalidCredential(Reason.PRINCIPAL_INACTIVE, kind=KIND, principal_id=user.pk)
        if self.password_claim is not None:
            mark = hashlib.md5(user.password.encode(), usedforsecurity=False).hexdigest().upper()  # simplejwt's form
            said = claims.get(self.password_claim)
            if not isinstance(said, str) or not hmac.compare_digest(said.encode(), mark.encode()):
                raise InvalidCredential(Reason.PASSWORD_CHANGED, kind=KIND, principal_id=user.pk)
        return user


_known: list[tuple[Mapping[str, Any], LegacyTokens]] = []


def legacy_tokens() -> LegacyTokens | None:
    """The old tokens that are accepted now; None: none are. Raises `ImproperlyConfigured` for a setting that cannot be used."""
    given = access_settings.LEGACY_JWT
    if not given:
        return None
    known = next((tokens for seen, tokens in _known if seen is given), None)
    if known is None:
        try:
            known = LegacyTokens(**read(given))
        except ValueError as error:
            raise ImproperlyConfigured(f"API_ACCESS['LEGACY_JWT']: {error}") from None
        _known[:] = [(given, known)]
    return known if timezone.now() < known.accept_until else None
