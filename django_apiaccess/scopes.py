"""Scopes of the app itself."""

from __future__ import annotations

from .core.scopes import declare_scope

declare_scope("tokens:introspect", "Ask what a token is good for (RFC 7662)")
