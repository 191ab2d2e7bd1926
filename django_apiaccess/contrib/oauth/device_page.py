"""`device/`: where a person types the code that a device shows, sees what it asks for, and decides (RFC 8628 section 3.3)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_protect

from ...authn.client import is_secure, where_of
from ...conf import access_settings
from ...core.scopes import dump
from ...exceptions import TooManyFailures
from . import client_auth, consents, devices, granting, pages, proof
from .consent_page import describe
from .errors import OAuthError
from .models import DeviceCode

CODE = "user_code"


@method_decorator(csrf_protect, name="dispatch")
class DeviceView(View):
    """GET asks for the code, also where the address brings one: a person compares it with the device's. POST looks it up, then decides."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if access_settings.REQUIRE_TLS and not is_secure(request):
            return pages.problem(request, OAuthError("invalid_request", "Use https."))
        response = pages.turned_away(request) or super().dispatch(request, *args, **kwargs)
        return pages.protected(response) if isinstance(response, HttpResponse) else response

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(request, request.GET.get(CODE, "")[:20])

    def post(self, request: HttpRequest) -> HttpResponse:
        text, user, where = request.POST.get(CODE, "")[:64], request.user, where_of(request)
        try:
            device = devices.typed(text, user, where=where)
        except TooManyFailures as error:
            return pages.problem(request, client_auth.too_many(error.wait))
        if device is None:
            return self._ask(request, text[:20], wrong=True)
        scopes = granting.within_held(user, device.scopes)
        decision = request.POST.get("decision")
        if decision == "deny":
            devices.deny(device, user, where=where)
            return pages.page(request, "device_done.html", {"client": device.client, "approved": False})
        if decision == "allow" and request.POST.get("shown") == dump(scopes) and (scopes or not device.scopes):
            proved = proof.proof_of_request(request)
            done = devices.approve(device, user, scopes=scopes, proof=proved, where=where)
            return (
                pages.page(request, "device_done.html", {"client": device.client, "approved": True})
                if done
                else self._ask(request, "", wrong=True)
            )
        return self._confirm(request, device, scopes, text)

    @staticmethod
    def _ask(request: HttpRequest, text: str, *, wrong: bool = False) -> HttpResponse:
        return pages.page(request, "device.html", {"code": text, "wrong": wrong}, status=400 if wrong else 200)

    @staticmethod
    def _confirm(request: HttpRequest, device: DeviceCode, scopes: frozenset[str], text: str) -> HttpResponse:
        user: Any = request.user
        new = consents.new_scopes(consents.of(device.client, user), scopes, device.resource)
        context = {
            "client": device.client,
            "person": user.get_username(),
            "code": text,
            "rows": [describe(name, new=name in new) for name in sorted(scopes)],
            "shown": dump(scopes),
            "holds_nothing": bool(device.scopes) and not scopes,
            "resources": device.resource.split() or [access_settings.AUDIENCE],
        }
        return pages.page(request, "device_confirm.html", context)
