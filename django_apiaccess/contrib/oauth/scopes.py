"""Scopes of the authorization server itself."""

from __future__ import annotations

from ...core.scopes import declare_scope

REGISTER = "oauth:register"
declare_scope(REGISTER, "Register OAuth clients (RFC 7591)")
