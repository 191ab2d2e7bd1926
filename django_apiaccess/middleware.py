"""A session that waits for its second factor is nobody's, wherever the project looks: `request.user` is anonymous until the rest is proven.

The admin, and every other log-in page, goes on to the page where it is proven, and back. Put `SecondFactorMiddleware` right after Django's
`AuthenticationMiddleware`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.backends.django import Template
from django.template.loader import select_template
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from .mfa.methods import method_named
from .pages import places
from .pages.page import Page
from .pages.visitor import pending_user
from .passwords.sessions import is_pending, skipped_by_trust

ADMIN: Final = "admin"
"""The application namespace of every `AdminSite`."""
OPEN_ADMIN: Final = frozenset({"login", "logout", "jsi18n"})
REDIRECTS: Final = frozenset({302, 303})
LOGIN_TEMPLATE: Final = "django_apiaccess/pages/admin_login.html"


class SecondFactorMiddleware:
    """See above. A request without a session cookie costs nothing; with one, no query but that of the session itself."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer_later(request)
        guard(request)
        response: HttpResponseBase = self.get_response(request)
        return on_to_second_step(request, response)

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        guard(request)
        response: HttpResponseBase = await self.get_response(request)
        if begins_something(request, response):
            return await sync_to_async(on_to_second_step)(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Log-in pages of a pending session lead to the second step; so does the admin where a trusted device has skipped it."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or is_ours(view) or not places.are_routed():
            return None
        if in_admin(request) and url_name(request) not in OPEN_ADMIN and skipped_by_trust(request.session):
            return HttpResponseRedirect(places.address_of(places.VERIFY, then=request.get_full_path()))
        if request.method not in {"GET", "HEAD"} or not is_log_in(request) or not is_pending(request.session):
            return None
        return HttpResponseRedirect(places.address_of(places.VERIFY, then=places.onward(request) or home(request)))

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """The admin's log-in page gets a button for passkeys, whatever template it has."""
        if not (
            in_admin(request) and url_name(request) == "login" and places.are_routed() and method_named("webauthn")
        ):
            return response
        names = response.template_name
        found = (
            select_template([names] if isinstance(names, str) else names)
            if isinstance(names, str | list | tuple)
            else names
        )
        if isinstance(found, Template) and response.context_data is not None:
            then = places.onward(request) or home(request)
            response.context_data |= {"apiaccess_login_template": found, "apiaccess_next": then}
            response.template_name = LOGIN_TEMPLATE
        return response


def guard(request: HttpRequest) -> None:
    """Make `request.user` nobody for a pending session, when it is asked for; `request.apiaccess_pending_user` is who it would be."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        request.apiaccess_pending_user = None  # type: ignore[attr-defined]
        return
    inner, inner_later = request.user, getattr(request, "auser", None)

    async def auser() -> Any:
        if await sync_to_async(is_pending)(request.session):
            return AnonymousUser()
        return await inner_later()  # type: ignore[misc]

    request.user = SimpleLazyObject(lambda: AnonymousUser() if is_pending(request.session) else inner)  # type: ignore[assignment]
    request.apiaccess_pending_user = SimpleLazyObject(lambda: pending_user(request))  # type: ignore[attr-defined]
    if inner_later is not None:
        request.auser = auser


def begins_something(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer may be that of a log-in form: a redirect after a POST that changed the session."""
    session = getattr(request, "session", None)
    return request.method == "POST" and response.status_code in REDIRECTS and getattr(session, "modified", False)


def on_to_second_step(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Let the redirect of a log-in that is not complete lead to its second step, and from there to where it led."""
    match = request.resolver_match
    if not begins_something(request, response) or match is None or is_ours(match.func):
        return response
    if not is_pending(request.session) or not places.are_routed():
        return response
    then = places.local(request, response.headers.get("Location", ""))
    response.headers["Location"] = places.address_of(places.VERIFY, then=then)
    return response


def is_ours(view: Any) -> bool:
    """Whether it is one of our pages: they know pending sessions themselves."""
    made_of = getattr(view, "view_class", None)
    return isinstance(made_of, type) and issubclass(made_of, Page)


def in_admin(request: HttpRequest) -> bool:
    """Whether the request is for a page of an `AdminSite`."""
    match = request.resolver_match
    return match is not None and ADMIN in match.app_names


def url_name(request: HttpRequest) -> str:
    """The name of the route."""
    match = request.resolver_match
    return "" if match is None else match.url_name or ""


def is_log_in(request: HttpRequest) -> bool:
    """Whether it is a log-in page: an admin's, or `LOGIN_URL`."""
    if in_admin(request):
        return url_name(request) == "login"
    address = str(settings.LOGIN_URL)
    path = urlsplit(address).path if "/" in address else resolve_url(settings.LOGIN_URL)
    return request.path == path


def home(request: HttpRequest) -> str:
    """Where a log-in page leads to when nobody says."""
    match = request.resolver_match
    if match is not None and in_admin(request):
        return reverse(f"{match.namespace}:index")
    return places.local(request, request.GET.get(REDIRECT_FIELD_NAME)) or resolve_url(settings.LOGIN_REDIRECT_URL)
