"""Scopes of the app itself."""

from __future__ import annotations

from .core.scopes import declare_scope

declare_scope("tokens:introspect", "Ask what a token is good for (RFC 7662)")
declare_scope("keys:approve", "Decide on requests for API keys", permissions=["django_apiaccess.approve_keyrequest"])
