"""Checks of what access tokens say, and of the issuers whose tokens are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import SETTINGS, access_settings

if TYPE_CHECKING:
    from .trusted import TrustedIssuer

LONGEST: Final = timedelta(hours=1)
HINT: Final = (
    "Write API_ACCESS = {'TRUSTED_ISSUERS': [{'issuer': 'https://id.example/', 'audience': 'https://api.example'}]}."
)


def check_trusted_issuers() -> Iterator[CheckMessage]:
    if not sound("TRUSTED_ISSUERS", "ISSUER"):
        return
    if not access_settings.TRUSTED_ISSUERS:
        return
    from .trusted import TrustedIssuer  # with PyJWT and cryptography: not in a project that checks keys only

    seen = {access_settings.ISSUER}
    for place, entry in enumerate(access_settings.TRUSTED_ISSUERS, start=1):
        try:
            issuer = TrustedIssuer.read(entry)
            _check_paths(issuer)
            if issuer.issuer in seen:
                raise ValueError(f"{issuer.issuer}: another entry, or API_ACCESS['ISSUER'], has this issuer already")
        except ValueError as problem:
            yield error(CheckId.BAD_TRUSTED_ISSUER, f"Entry {place} of API_ACCESS['TRUSTED_ISSUERS']: {problem}.", HINT)
            continue
        seen.add(issuer.issuer)
        if (issuer.allow_http or issuer.allow_private) and not settings.DEBUG:
            name = "allow_http" if issuer.allow_http else "allow_private"
            yield warning(
                CheckId.CLEARTEXT_ISSUER,
                f"The keys of the issuer {issuer.issuer} are fetched with {name}: who is on the way, or in that network, can put in "
                "their own and be anybody.",
                f"Take {name!r} out of the entry; it is for tests.",
            )


def _check_paths(issuer: TrustedIssuer) -> None:
    """Raise `ValueError` for a function that cannot be imported."""
    paths: dict[str, Any] = {"scopes": issuer.scopes, "roles": issuer.roles, "user": issuer.user}
    for name, path in paths.items():
        if not isinstance(path, str) or (name == "user" and path == "linked"):
            continue
        try:
            found = import_string(path)
        except ImportError as problem:
            raise ValueError(f"{issuer.issuer}: '{name}': {problem}") from None
        if not callable(found):
            raise ValueError(f"{issuer.issuer}: '{name}': {path} is no function")  # noqa: TRY004 - it is a setting that is wrong


def check_lifetime() -> Iterator[CheckMessage]:
    if sound("ACCESS_TOKEN_LIFETIME") and access_settings.ACCESS_TOKEN_LIFETIME > LONGEST:
        yield warning(
            CheckId.LONG_ACCESS_TOKENS,
            f"Access tokens live {access_settings.ACCESS_TOKEN_LIFETIME}: a stolen one is good for so long at every server that verifies "
            "it by its signature alone.",
            "Set API_ACCESS['ACCESS_TOKEN_LIFETIME'] to some minutes, as '10m': clients refresh by themselves.",
        )


def check_names() -> Iterator[CheckMessage]:
    if not sound("CREDENTIALS", "ISSUER", "AUDIENCE") or "jwt" not in access_settings.CREDENTIALS or settings.DEBUG:
        return
    names = [name for name in ("ISSUER", "AUDIENCE") if getattr(access_settings, name) == SETTINGS[name].default]
    if names:
        yield warning(
            CheckId.UNNAMED_ISSUER,
            f"API_ACCESS[{names[0]!r}] has its default, the same in every installation: other servers cannot tell our tokens from theirs.",
            "Write API_ACCESS = {'ISSUER': 'https://id.example', 'AUDIENCE': 'https://api.example'}. Access tokens of before end with it.",
        )


def check_stateless() -> Iterator[CheckMessage]:
    if not sound("STATELESS_SECONDS", "SHARED_CACHE") or not access_settings.STATELESS_SECONDS:
        return
    alias = access_settings.SHARED_CACHE
    problem = "no cache is named there" if alias is None else access_settings.cache_not_shared(alias)
    if alias is None or problem:
        yield error(
            CheckId.STATELESS_UNSHARED,
            f"STATELESS_SECONDS takes sessions from API_ACCESS['SHARED_CACHE'] = {alias!r}, which not every worker sees: {problem}. "
            "A session that one worker ends would live on in the others, so the database is asked all the same.",
            "Name a Redis or Memcached of CACHES in API_ACCESS['SHARED_CACHE'], or set STATELESS_SECONDS to 0.",
        )
        return
    location = settings.CACHES[alias].get("LOCATION")
    several = re.split(r"[;,]", location) if isinstance(location, str) else list(location or ())
    if "redis" in str(settings.CACHES[alias].get("BACKEND")).lower() and len(several) > 1:
        yield warning(
            CheckId.STATELESS_REPLICAS,
            f"The cache {alias!r} is read from replicas: a session that was ended is accepted until they know of it.",
            "Name the primary alone in its LOCATION.",
        )


CHECKS: Final[tuple[Check, ...]] = (check_trusted_issuers, check_lifetime, check_stateless)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_names,)
