"""Reading `API_ACCESS["DOT"]`: every entry checked, with what to write instead."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from ...conf import access_settings
from ...core.scopes import registry
from ...exceptions import InvalidChange
from ...roles import names
from ..simplejwt.options import moment

APP: Final = "oauth2_provider"
SAME: Final = "same"


@dataclass(frozen=True, slots=True)
class DOTTokens:
    """`API_ACCESS["DOT"]`, read and checked."""

    accept_until: datetime
    scopes: Mapping[str, frozenset[str]] | None
    """Our scopes by DOT's; None: a scope of DOT gives the declared scope of the same name."""
    service_accounts: Mapping[str, str]
    """The name of the service account that a `client_id` acts as, where its token has no user."""
    resources: frozenset[str]
    """The resource indicators (RFC 8707) that mean this API."""

    def granted(self, scope: str) -> frozenset[str]:
        """Our scopes for the `scope` of a token. What is not mapped gives nothing."""
        words = scope.split()
        if self.scopes is None:
            return frozenset(word for word in words if registry.get(word) is not None)
        return frozenset().union(*(self.scopes.get(word, ()) for word in words))

    def concerns(self, resource: str | None) -> bool:
        """Whether a token with these resources (JSON, as DOT stores them) may be used here. One without any may be used everywhere."""
        try:
            found = json.loads(resource or "[]")
        except ValueError:
            return False
        if not found:
            return True
        return isinstance(found, list) and any(item in self.resources for item in found if isinstance(item, str))


def read(given: Mapping[str, Any]) -> DOTTokens:
    """`given` has every entry. Raises `ValueError` with the entry and the way to mend it."""
    return DOTTokens(
        accept_until=_moment(given["ACCEPT_UNTIL"]),
        scopes=_scopes(given["SCOPES"]),
        service_accounts=_service_accounts(given["SERVICE_ACCOUNTS"]),
        resources=_resources(given["RESOURCES"]),
    )


def _moment(value: Any) -> datetime:
    try:
        return moment(value)
    except ValueError:
        raise ValueError(
            "ACCEPT_UNTIL must be the day when the last access token of django-oauth-toolkit is dead, as '2027-01-31'."
        ) from None


def _scopes(value: Any) -> Mapping[str, frozenset[str]] | None:
    if value == SAME:
        return None
    if isinstance(value, Mapping) and value:
        found = {}
        for theirs, ours in value.items():
            listed = [ours] if isinstance(ours, str) else ours
            if not isinstance(theirs, str) or not theirs or len(theirs.split()) != 1:
                raise ValueError(f"SCOPES: {theirs!r} is no scope of django-oauth-toolkit: write one word.")
            if not isinstance(listed, Sequence) or not all(isinstance(name, str) for name in listed):
                raise ValueError(f"SCOPES[{theirs!r}] must be a scope or a list of scopes of this project.")
            try:
                found[theirs] = names.scope_names(listed)
            except InvalidChange as error:
                raise ValueError(f"SCOPES[{theirs!r}]: {error}") from None
        return found
    raise ValueError(
        "SCOPES must say what a token of django-oauth-toolkit gives here: a dict from its scopes to ours, as "
        "{'read': ['orders:read']}, or 'same' where both have the same names."
    )


def _service_accounts(value: Any) -> Mapping[str, str]:
    if isinstance(value, Mapping) and all(isinstance(item, str) and item for pair in value.items() for item in pair):
        return dict(value)
    raise ValueError("SERVICE_ACCOUNTS must be a dict from client ids to names of service accounts.")


def _resources(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset((access_settings.AUDIENCE,))
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value):
        return frozenset(value)
    raise ValueError("RESOURCES must be a list of the resource indicators that mean this API, or None for AUDIENCE.")


_known: list[tuple[Mapping[str, Any], DOTTokens]] = []


def dot_tokens() -> DOTTokens | None:
    """How DOT's tokens are accepted now; None: none is. Raises `ImproperlyConfigured` for a setting that cannot be used."""
    given = access_settings.DOT
    if not given:
        return None
    known = next((tokens for seen, tokens in _known if seen is given), None)
    if known is None:
        if not apps.is_installed(APP):
            raise ImproperlyConfigured(f"API_ACCESS['DOT'] is set, and {APP!r} is not in INSTALLED_APPS.")
        try:
            known = read(given)
        except ValueError as error:
            raise ImproperlyConfigured(f"API_ACCESS['DOT']: {error}") from None
        _known[:] = [(given, known)]
    return known if datetime.now(UTC) < known.accept_until else None
