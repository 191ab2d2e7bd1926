"""The way from a person's or a key's admin page to the access tester."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..adminkit.base import Tool, admin_url
from .models import Scope

PERMISSION: Final = "django_apiaccess.explain_access"
"""Lets its holder see why anybody's request is allowed or refused: which rights everybody holds, and on which ways."""


def may_explain(request: HttpRequest) -> bool:
    """Whether the person may open the access tester."""
    return bool(request.user.has_perm(PERMISSION))


def tester_url(**fields: Any) -> str:
    """Its address, with these fields filled in; empty where scopes are not in the admin."""
    address = admin_url(Scope, "explain")
    return f"{address}?{urlencode(fields)}" if address and fields else address


def explain_tools(request: HttpRequest, who: str, name: Any) -> list[Tool]:
    """The link, for those who may follow it. `who` is a kind of caller as the page's form has it."""
    address = tester_url(who=who, name=name)
    return [Tool(_("Test access"), address, "rule")] if address and may_explain(request) else []
