"""The addresses of the pages, and the only ones that a page sends a browser on to: those of this very site."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme

SECURITY: Final = "apiaccess-security"
LOGIN: Final = "apiaccess-security-login"
PASSKEY_LOGIN: Final = "apiaccess-security-passkey-login"
VERIFY: Final = "apiaccess-security-verify"
ADD: Final = "apiaccess-security-add"
TOTP: Final = "apiaccess-security-totp"
TOTP_CONFIRM: Final = "apiaccess-security-totp-confirm"
PHONE: Final = "apiaccess-security-phone"
PHONE_CONFIRM: Final = "apiaccess-security-phone-confirm"
PASSKEY: Final = "apiaccess-security-passkey"
RECOVERY: Final = "apiaccess-security-recovery"
NEXT: Final = "next"
MAX_LENGTH: Final = 8000


def local(request: HttpRequest, address: object) -> str:
    """`address` when it leads to this very site, else nothing: a link to our log-in must not end on somebody else's page (CWE-601)."""
    if not isinstance(address, str) or len(address) > MAX_LENGTH:
        return ""
    hosts = {request.get_host()}
    return address if url_has_allowed_host_and_scheme(address, hosts, require_https=request.is_secure()) else ""


def onward(request: HttpRequest) -> str:
    """Where the request says that it wants to go on afterwards, when that is here; else nothing."""
    return local(request, request.GET.get(NEXT) or request.POST.get(NEXT) or "")


def address_of(name: str, *, then: str = "") -> str:
    """The address of a page, which sends its visitor on to `then`."""
    return f"{reverse(name)}?{urlencode({NEXT: then})}" if then else reverse(name)


def are_routed() -> bool:
    """Whether the project's URL conf has the pages."""
    try:
        reverse(VERIFY)
    except NoReverseMatch:
        return False
    return True
