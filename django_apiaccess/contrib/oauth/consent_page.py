"""What the consent page tells: who asks, as whom one is logged in, where it returns, and each right in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import ngettext

from ...conf import access_settings
from ...core.scopes import dump, registry
from . import consents, identity, issuing, redirects
from .models import Consent
from .server import AuthorizationRequest


def context_of(
    asked: AuthorizationRequest, user: Any, scopes: frozenset[str], consent: Consent | None
) -> dict[str, Any]:
    """The context of `consent.html`."""
    client = asked.client
    new = consents.new_scopes(consent, scopes, asked.resource)
    return {
        "client": client,
        "owner": client.owner.get_username() if client.owner_id is not None and client.owner is not None else "",
        "person": user.get_username(),
        "returns_to": redirects.host_of(asked.redirect_uri),
        "is_local": redirects.is_local(asked.redirect_uri),
        "rows": [describe(name, new=name in new and consent is not None) for name in sorted(scopes)],
        "shown": dump(scopes),
        "left_out": sorted(asked.scopes - scopes),
        "resources": asked.resource.split() or [access_settings.AUDIENCE],
        "lifetime": in_words(
            client.session_lifetime or access_settings.SESSION_MAX_LIFETIME
            if "refresh_token" in client.grant_types.split()
            else issuing.access_token_lifetime(client)
        ),
        "known_since": consent.granted_at if consent is not None else None,
    }


def in_words(span: timedelta) -> str:
    """A span for a person, by its largest unit that divides it: `90 days`."""
    seconds = int(span.total_seconds())
    if seconds % 86400 == 0:
        return ngettext("%(count)d day", "%(count)d days", seconds // 86400) % {"count": seconds // 86400}
    if seconds % 3600 == 0:
        return ngettext("%(count)d hour", "%(count)d hours", seconds // 3600) % {"count": seconds // 3600}
    minutes = max(1, seconds // 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def describe(name: str, *, new: bool = False) -> dict[str, Any]:
    """One scope for a person: its words, what comes with it, and whether it changes anything."""
    if name in identity.SCOPES:
        return {"name": name, "words": identity.SCOPES[name], "new": new, "writes": False, "implied": []}
    declared = registry.get(name)
    given = registry.expand([name])
    words = declared.description if declared is not None else f"Everything on {name.partition(':')[0]}"
    implied = [found.description for one in sorted(given - {name}) if (found := registry.get(one)) is not None]
    return {"name": name, "words": words, "new": new, "writes": _writes(given), "implied": implied}


def _writes(names: frozenset[str]) -> bool:
    """Whether any of the scopes opens more than looking: by the Django permissions that they open, else by their names."""
    codes = [permission.partition(".")[2] for permission in registry.permissions(names)]
    if codes:
        return any(not code.startswith("view_") for code in codes)
    return any(not name.endswith((":read", ":view", ":list")) for name in names)
