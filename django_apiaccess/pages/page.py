"""What all pages share: who may see them, the headers, and how something that went wrong is told."""

from __future__ import annotations

import json
import math
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from ..authn.client import is_secure
from ..conf import access_settings
from ..exceptions import APIAccessError, InvalidCredential, TooManyFailures
from ..login import freshness
from ..mfa.errors import MFAError, WrongCode
from . import places
from .visitor import Visitor, is_over, visitor_of

SAID: Final = "apiaccess_said"
THEN: Final = "apiaccess_next"
"""Keys of the session: a sentence for the next page, and where an enrolment goes on to."""


class For(Enum):
    """Whom a page is for."""

    EVERYBODY = "everybody"
    LOGGED_IN = "those whose log-in is complete"
    ENROLLING = "those, and those who must add a factor first"
    PROVING = "those, and those who must prove a factor first"


@method_decorator(
    [transaction.non_atomic_requests, sensitive_post_parameters(), csrf_protect, login_not_required], name="dispatch"
)
class Page(View):
    """A page, never within a request's transaction: failures must be counted, and messages are sent outside of locks.

    Its address may be opened by anybody; what they get to see depends on how far their log-in has come.
    """

    audience = For.LOGGED_IN
    fresh = False
    """Whether it asks for a proof that is not older than `MFA["MAX_AGE"]`."""
    back = ""
    """The page to come back to after that proof, where it is not this one."""
    template = ""
    json = False
    _visitor: Visitor | None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if access_settings.REQUIRE_TLS and not is_secure(request):
            return shielded(render(request, "django_apiaccess/pages/insecure.html", status=400))
        self._visitor = visitor_of(request)
        elsewhere = self._elsewhere(request)
        if elsewhere is None:
            response = super().dispatch(request, *args, **kwargs)
        elif self.json:
            response = JsonResponse({"go_to": elsewhere}, status=401)
        else:
            response = HttpResponseRedirect(elsewhere)
        return shielded(response)

    @property
    def visitor(self) -> Visitor:
        """Who asks. Pages for everybody ask for `_visitor`."""
        assert self._visitor is not None
        return self._visitor

    @property
    def user(self) -> Any:
        """Whose page it is."""
        return self.visitor.user

    @property
    def further(self) -> bool:
        """Whether a factor may be added beside those that there are: one of them was proven."""
        return freshness.has_proven_a_factor(self.visitor.access)

    def _elsewhere(self, request: HttpRequest) -> str | None:
        """Where the visitor must go first."""
        if self.audience is For.EVERYBODY:
            return None
        here = places.address_of(self.back) if self.back else request.get_full_path()
        visitor = self._visitor
        if visitor is None:
            return places.address_of(places.LOGIN, then=places.onward(request) or here)
        if visitor.pending:
            return self._rest_of_log_in(request, visitor, here)
        if self.fresh and not freshness.may_change_factors(visitor.access)[1].allowed:
            return places.address_of(places.VERIFY, then=here)
        return None

    def _rest_of_log_in(self, request: HttpRequest, visitor: Visitor, here: str) -> str | None:
        """Where a log-in that is not complete must go on; None: here."""
        if is_over(request):
            return self.log_in_again(request)
        if self.audience is (For.ENROLLING if visitor.enrols else For.PROVING):
            return None
        if not visitor.enrols:
            return places.address_of(places.VERIFY, then=places.onward(request) or here)
        if places.onward(request):
            request.session[THEN] = places.onward(request)
        return places.address_of(places.ADD)

    def log_in_again(self, request: HttpRequest) -> str:
        """End a log-in that was begun, and where to begin anew."""
        then = places.onward(request)
        logout(request)
        say(request, _("That took too long, or too many tries. Log in again."))
        return places.address_of(places.LOGIN, then=then)

    def show(self, template: str = "", *, status: int = 200, **context: Any) -> HttpResponse:
        """The page as HTML."""
        told = self.request.session.pop(SAID, "") if SAID in self.request.session else ""
        name = access_settings.MFA["NAME"] or _("Your account")
        shared = {"visitor": self._visitor, "said": told, "site": name, **context}
        return render(self.request, f"django_apiaccess/pages/{template or self.template}", shared, status=status)

    def refused(self, error: APIAccessError, template: str = "", **context: Any) -> HttpResponse:
        """The page again, with what went wrong, and for how long to wait."""
        status, wait = status_of(error)
        form, field = context.get("form"), "code" if isinstance(error, WrongCode) else getattr(error, "field", None)
        if isinstance(form, Form) and form.is_bound and field in form.fields:
            form.add_error(field, message_of(error))
        else:
            context["problem"] = message_of(error)
        response = self.show(template, status=status, **context)
        if wait:
            response["Retry-After"] = str(wait)
        return response


def shielded(response: HttpResponseBase) -> HttpResponseBase:
    """In no cache, in no frame, with no script but our file (ASVS 3.4.3, 3.4.6, 14.3.2)."""
    response["Cache-Control"] = "no-store"
    response["X-Frame-Options"] = "DENY"
    response["Referrer-Policy"] = "same-origin"
    static = urlsplit(str(settings.STATIC_URL or ""))
    files = f"'self' {static.scheme or 'https'}://{static.netloc}" if static.netloc else "'self'"
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {files}; style-src {files}; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def say(request: HttpRequest, text: str) -> None:
    """Tell it on the next page. Never a secret: it is in the session until then."""
    request.session[SAID] = text


def status_of(error: APIAccessError) -> tuple[int, int]:
    """The status of the page that tells of it, and the seconds to wait. Never a 5xx: proxies put their own pages in its place."""
    wait = math.ceil(getattr(error, "wait", 0.0) or 0.0)
    return (429 if wait else 400), max(0, wait)


def message_of(error: APIAccessError) -> str:
    """What a person is told."""
    _status, wait = status_of(error)
    if isinstance(error, TooManyFailures):
        return _("Too many failed attempts. Try again in %(time)s.") % {"time": duration(max(1, wait))}
    if isinstance(error, InvalidCredential):
        return _("The user name or the password is not right.")
    if isinstance(error, MFAError) and wait:
        return f"{error} " + _("You can try again in %(time)s.") % {"time": duration(wait)}
    return str(error)


def duration(seconds: int) -> str:
    """A time to wait, in words."""
    if seconds < 100:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = math.ceil(seconds / 60)
    if minutes < 100:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = math.ceil(minutes / 60)
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}


def credential_in(request: HttpRequest) -> dict[str, Any] | None:
    """What the browser's authenticator answered, out of the form's hidden field; None when it is no JSON object."""
    try:
        found = json.loads(request.POST.get("credential", ""))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
