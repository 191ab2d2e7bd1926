"""The pages that a person sees: never framed, never cached, telling nobody where they came from; and the redirects back to clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string

from ...conf import access_settings
from ...pages import places
from ...passwords.sessions import is_pending
from .errors import OAuthError
from .parameters import with_query
from .redirects import origin_of

FOLDER: Final = "django_apiaccess_oauth"


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200, redirect_uri: str = ""
) -> HttpResponse:
    """A page of this app. `redirect_uri`: where its form may lead in the end: browsers ask the policy for that too."""
    text = render_to_string(f"{FOLDER}/{template}", context, request=request)
    return protected(HttpResponse(text, status=status), redirect_uri=redirect_uri)


def protected(response: HttpResponse, *, redirect_uri: str = "") -> HttpResponse:
    """With the headers that keep a page of consent to itself (RFC 9700 sections 4.16 and 4.2.4).

    The pages say `same-origin` to themselves, so that their own forms carry an `Origin`, which Django's CSRF protection asks for.
    """
    targets = " ".join(filter(None, ["'self'", origin_of(redirect_uri) if redirect_uri else ""]))
    response["X-Frame-Options"] = "DENY"
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self' https: data:; script-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def turned_away(request: HttpRequest) -> HttpResponse | None:
    """Where whoever is not wholly logged in is sent, and back here from; None for a person who is.

    A password alone, of an account with a second factor, is not: also where the project lacks `SecondFactorMiddleware`.
    """
    user: Any = request.user
    known, here = user.is_authenticated and user.is_active, request.get_full_path()
    if known and not is_pending(request.session):
        return None
    if known and places.are_routed():
        return protected(HttpResponseRedirect(places.address_of(places.VERIFY, then=here)))
    return protected(redirect_to_login(here, access_settings.login_url))


def problem(request: HttpRequest, error: OAuthError) -> HttpResponse:
    """An error that may be told to nobody but the person (RFC 6749 section 4.1.2.1)."""
    return page(request, "problem.html", {"error": error}, status=error.status)


def redirect(uri: str, pairs: Iterable[tuple[str, str]], *, posted: bool) -> HttpResponse:
    """Back to the client. After a form by 303: a 307 would send the form, password and all, to the client (RFC 9700 section 4.12)."""
    response = protected(HttpResponse(status=303 if posted else 302))
    response["Location"] = with_query(uri, pairs)
    return response
