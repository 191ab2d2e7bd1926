"""Access tokens of trusted issuers (Keycloak, Auth0, Entra ID...): whose they are, by which keys, for which user, with which scopes.

The token's `iss` chooses one entry of `TRUSTED_ISSUERS`, exactly; that entry fixes keys, algorithms, audience and `typ`. Keys are looked
for in that issuer's own set only. A foreign scope opens nothing unless the entry maps it, and then only within what the user holds here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.module_loading import import_string

from ..conf import access_settings
from ..core.jwk import PRIVATE_MEMBERS
from ..core.outbound import FetchError, fetch_json
from ..exceptions import IssuerUnavailable
from . import jws
from .models import LinkedIdentity
from .trusted import TrustedIssuer

logger: Final = logging.getLogger("django_apiaccess")
FRESH_SECONDS: Final = 300.0
STALE_SECONDS: Final = 86_400.0
"""How long keys are used that could not be fetched anew: whoever silences the issuer keeps a withdrawn key alive no longer."""
COOLDOWN_SECONDS: Final = 10.0
"""Between two fetches for unknown key ids, and after a failed one."""
MAX_KEYS: Final = 50


@dataclass(slots=True)
class KeySet:
    """The keys of one issuer, fetched when needed: fresh for five minutes, kept when the issuer is down, and never fetched in a storm."""

    issuer: TrustedIssuer
    keys: dict[str | None, list[jws.VerifyingKey]] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    uri: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, kid: str | None, algorithm: str) -> jws.VerifyingKey | None:
        """The issuer's key of that id for that algorithm. Raises `IssuerUnavailable` when there are no keys and none can be had."""
        now = time.monotonic()
        if now - self.fetched_at >= FRESH_SECONDS or (self._pick(kid, algorithm) is None):
            self._fetch(now)
        if time.monotonic() - self.fetched_at >= STALE_SECONDS:
            raise IssuerUnavailable(self.issuer.issuer)
        return self._pick(kid, algorithm)

    def _pick(self, kid: str | None, algorithm: str) -> jws.VerifyingKey | None:
        fitting = [key for key in self.keys.get(kid, ()) if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def _fetch(self, now: float) -> None:
        if self.keys and now - self.tried_at < COOLDOWN_SECONDS:
            return
        if not self.lock.acquire(
            blocking=not self.keys
        ):  # who has no keys waits for who is asking; who has older ones does not
            return
        try:
            if now - self.tried_at < COOLDOWN_SECONDS:
                return
            self.tried_at = now
            options: Any = {"allow_private": self.issuer.allow_private, "allow_http": self.issuer.allow_http}
            self.keys = read_key_set(fetch_json(self._jwks_uri(options), **options), self.issuer.algorithms)
            self.fetched_at = now
        except (FetchError, ValueError) as error:  # older keys stay good: an outage of the issuer is not one of ours
            logger.warning("The keys of the issuer %s could not be fetched: %s", self.issuer.issuer, error)
        finally:
            self.lock.release()

    def _jwks_uri(self, options: Any) -> str:
        if self.issuer.jwks_uri is not None:
            return self.issuer.jwks_uri
        if self.uri is None:
            found = fetch_json(self.issuer.issuer.rstrip("/") + "/.well-known/openid-configuration", **options)
            if found.get("issuer") != self.issuer.issuer or not isinstance(found.get("jwks_uri"), str):
                raise ValueError("the discovery document is another issuer's")
            self.uri = found["jwks_uri"]
        return self.uri


def read_key_set(document: Mapping[str, Any], algorithms: tuple[str, ...]) -> dict[str | None, list[jws.VerifyingKey]]:
    """The usable keys of a JWKS by id. A set that holds a private or symmetric key or repeats an id is refused whole (`ValueError`)."""
    entries = document.get("keys")
    if (
        not isinstance(entries, list)
        or len(entries) > MAX_KEYS
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise ValueError("no JWK set")
    found: dict[str | None, list[jws.VerifyingKey]] = {}
    seen: set[str] = set()
    for entry in entries:
        if PRIVATE_MEMBERS & entry.keys() or entry.get("kty") == "oct":
            raise ValueError("the set holds private or symmetric keys")
        kid = entry.get("kid")
        if kid is not None and (not isinstance(kid, str) or kid in seen):
            raise ValueError(f"the set holds key id {kid!r} twice, or it is no text")
        if kid is not None:
            seen.add(kid)
        for algorithm in (entry["alg"],) if "alg" in entry else algorithms:
            if algorithm in algorithms:
                try:
                    found.setdefault(kid, []).append(jws.public_key(entry, algorithm))
                except jws.UnusableKey:
                    continue
    return found


_sets: dict[str, tuple[Mapping[str, Any], KeySet]] = {}


def key_set_of(issuer: str) -> KeySet | None:
    """The key set of a trusted issuer; None: the issuer is not trusted."""
    for entry in access_settings.TRUSTED_ISSUERS:
        if entry.get("issuer") == issuer:
            known = _sets.get(issuer)
            if known is None or known[0] != entry:
                try:
                    known = _sets[issuer] = (dict(entry), KeySet(TrustedIssuer.read(entry)))
                except (
                    ValueError
                ):  # a system check says so too; a stranger's token must not be what makes it an error 500
                    logger.exception("An entry of TRUSTED_ISSUERS is not usable: its tokens are refused")
                    return None
            return known[1]
    return None


def user_for(issuer: TrustedIssuer, claims: Mapping[str, Any]) -> Any:
    """The user of a verified token: by the link table, or by the entry's own callable `(claims) -> user or None`."""
    if issuer.user == "linked":
        link = LinkedIdentity.objects.select_related("user").filter(issuer=issuer.issuer, subject=claims["sub"]).first()
        return None if link is None else link.user
    find: Callable[[Mapping[str, Any]], Any] = import_string(issuer.user)
    return find(claims)


def mapped_scopes(issuer: TrustedIssuer, claims: Mapping[str, Any]) -> frozenset[str]:
    """Our scopes for the token's (`scope`, `scp`, `permissions`): those that the entry maps."""
    if isinstance(issuer.scopes, str):
        return frozenset(import_string(issuer.scopes)(claims) or ())
    foreign: set[str] = set()
    for name in ("scope", "scp", "permissions"):
        foreign |= words(claims.get(name))
    return frozenset(ours for theirs, ours in issuer.scopes.items() if theirs in foreign)


def mapped_roles(issuer: TrustedIssuer, claims: Mapping[str, Any]) -> frozenset[str]:
    """Our roles for the token's (`roles`, `groups`, Keycloak's `realm_access.roles`): those that the entry maps."""
    if isinstance(issuer.roles, str):
        return frozenset(import_string(issuer.roles)(claims) or ())
    realm = claims.get("realm_access")
    foreign = words(claims.get("roles")) | words(claims.get("groups"))
    foreign |= words(realm.get("roles")) if isinstance(realm, dict) else set()
    return frozenset(ours for theirs, ours in issuer.roles.items() if theirs in foreign)


def client_of(issuer: TrustedIssuer, claims: Mapping[str, Any]) -> str | None:
    """The client that the token was issued to, by the first of the entry's `client_claims` that it has."""
    return next((claims[name] for name in issuer.client_claims if isinstance(claims.get(name), str)), None)


def words(value: Any) -> set[str]:
    """A claim that lists words, as one text or as a list."""
    if isinstance(value, str):
        return set(value.split())
    return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()
