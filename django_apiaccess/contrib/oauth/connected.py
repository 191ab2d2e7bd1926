"""`connected/`: a person's connected apps, each with what it may do and when it was last used, and the way to disconnect it."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_protect

from ...authn.client import is_secure, where_of
from ...conf import access_settings
from ...events.source import Actor
from ...tokens.models import TokenSession
from . import consents, pages
from .consent_page import describe
from .errors import OAuthError
from .models import Consent


def apps_of(user: Any) -> list[dict[str, Any]]:
    """What the user has allowed and not taken back: two queries, however many apps."""
    rows = list(Consent.objects.live().filter(user=user).select_related("client").order_by("client__name", "pk"))
    sessions = TokenSession.objects.filter(user=user, client_id__in=[row.client.client_id for row in rows])
    used = dict(sessions.order_by().values_list("client_id").annotate(last=Max("last_used_at")))
    return [
        {
            "id": row.pk,
            "client": row.client,
            "rows": [describe(name) for name in sorted(row.scopes)],
            "granted_at": row.granted_at,
            "last_used_at": used.get(row.client.client_id),
        }
        for row in rows
    ]


@method_decorator(csrf_protect, name="dispatch")
class ConnectedView(View):
    """GET lists, POST with `consent` disconnects one. Somebody else's is not there."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if access_settings.REQUIRE_TLS and not is_secure(request):
            return pages.problem(request, OAuthError("invalid_request", "Use https."))
        response = pages.turned_away(request) or super().dispatch(request, *args, **kwargs)
        return pages.protected(response) if isinstance(response, HttpResponse) else response

    def get(self, request: HttpRequest) -> HttpResponse:
        return pages.page(request, "connected.html", {"apps": apps_of(request.user)})

    def post(self, request: HttpRequest) -> HttpResponse:
        number = request.POST.get("consent", "")
        if number.isascii() and number.isdecimal() and len(number) < 19:
            user: Any = request.user
            mine = Consent.objects.filter(user=user, pk=int(number))
            by = Actor.of_user(request.user, where=where_of(request))
            consents.revoke(mine, reason="disconnected by its user", by=by)
        return pages.redirect(request.path, [], posted=True)
