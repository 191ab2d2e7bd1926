"""A URL conf with every form of requirement, beside the views of the test app: what explaining must agree with the live answer on."""

from django.http import HttpResponse
from django.urls import include, path
from rest_framework import authentication, permissions, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from django_apiaccess import AUTHENTICATED, FIRST_PARTY, HasMFA, HasPermission, HasRole, HasScope, require_access
from django_apiaccess.authentication import (
    AccessAuthentication,
    APIKeyAuthentication,
    BasicAuthentication,
    JWTAuthentication,
    OAuth2Authentication,
    SessionAuthentication,
)
from django_apiaccess.filters import GrantedObjectsFilter
from django_apiaccess.permissions import HasAccess
from tests.testapp.models import Document
from tests.testapp.views import Answer, DocumentSerializer


class Authenticated(Answer):
    access = AUTHENTICATED


class Strong(Answer):
    access = HasScope("docs:read") & HasMFA()


class Fresh(Answer):
    access = {"read": HasScope("docs:read") & HasMFA(max_age=300), "write": HasMFA(acr="aal2") & HasScope("docs:write")}


class FactorAlone(Answer):
    access = HasMFA()


class Either(Answer):
    access = HasScope("reports:read") | (HasRole("editor") & HasScope("docs:write"))


class EitherRole(Answer):
    access = HasRole("cleaner") | HasScope("docs:delete") & HasMFA(acr="phr")


class ByPermission(Answer):
    access = HasPermission("testapp.change_document")


class OwnersOnly(Answer):
    access = {"read": FIRST_PARTY, "write": FIRST_PARTY & HasScope("docs:write")}


class KeysOnly(Answer):
    authentication_classes = (APIKeyAuthentication,)
    access = "docs:read"


class TokensOnly(Answer):
    authentication_classes = (JWTAuthentication,)
    access = "docs:read"


class ClientsOnly(Answer):
    authentication_classes = (OAuth2Authentication,)
    access = "docs:read"


class SessionsOnly(Answer):
    authentication_classes = (SessionAuthentication,)
    access = "docs:read"


class SessionsOrBasic(Answer):
    authentication_classes = (SessionAuthentication, BasicAuthentication)
    access = "docs:read"


class KeysThenSessions(Answer):
    authentication_classes = (APIKeyAuthentication, SessionAuthentication)
    access = "docs:read"


class SessionsOfDRF(Answer):
    authentication_classes = (authentication.SessionAuthentication, AccessAuthentication)
    access = "docs:read"


class OnlySessionsOfDRF(Answer):
    authentication_classes = (authentication.SessionAuthentication,)
    access = {"read": "docs:read", "write": HasScope("docs:write") & HasMFA()}


class NotStaff(Answer):
    permission_classes = (HasAccess, ~permissions.IsAdminUser)
    access = "docs:read"


class Stricter(HasAccess):
    """A project's own, on top of ours."""

    def has_permission(self, request, view):
        return super().has_permission(request, view) and request.user.is_staff


class StricterView(Answer):
    permission_classes = (Stricter,)
    access = "docs:read"


class Wide(HasAccess):
    """A project's own, instead of ours."""

    def has_permission(self, request, view):
        return True


class Never(HasAccess):
    def has_permission(self, request, view):
        return False


class Late(HasAccess):
    def has_permission(self, request, view):
        return request.user.is_staff or super().has_permission(request, view)


class WideView(Answer):
    permission_classes = (Wide,)
    access = "docs:read"


class NeverView(Answer):
    permission_classes = (Never,)
    access = "docs:read"


class LateView(Answer):
    permission_classes = (Late,)
    access = "docs:read"


class ByMethod(Answer):
    access = "docs:read"

    def get_permissions(self):
        return [permissions.AllowAny()] if self.request.method == "POST" else [HasAccess()]


class CallsOn(Answer):
    access = {"read": "docs:read"}

    def initial(self, request, *args, **kwargs):
        if request.user.is_staff:
            self.staff = True
        super().initial(request, *args, **kwargs)
        self.met = True

    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)


class NoChecks(Answer):
    access = "docs:read"

    def check_permissions(self, request):
        pass


class NoStart(Answer):
    access = "docs:read"

    def initial(self, request, *args, **kwargs):
        if request.user.is_staff:
            return
        super().initial(request, *args, **kwargs)


class PlainDispatch(Answer):
    access = "docs:read"

    def dispatch(self, request, *args, **kwargs):
        return HttpResponse("{}")


class NoDenial(Answer):
    permission_classes = (HasAccess, permissions.IsAdminUser)
    access = "docs:read"

    def permission_denied(self, request, message=None, code=None):
        pass


class NoObjects(viewsets.ReadOnlyModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = "docs:read"

    def check_object_permissions(self, request, obj):
        pass


class Unthrottled(Answer):
    throttle_classes = ()
    access = "docs:read"


class ByHandler(Answer):
    @require_access("docs:write")
    def post(self, request):
        return Response({})

    access = {"read": HasRole("reader")}


class Unbound(viewsets.GenericViewSet):
    """Actions on an object: one looks it up, one does not; and one list that hands on."""

    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    access = {"read": "docs:read", "write": "docs:write"}

    @action(detail=True, methods=["get"])
    def seen(self, request, pk=None):
        return Response({"title": self._found().title})

    def _found(self):
        return self.get_object()

    @action(detail=True, methods=["post"])
    def counted(self, request, pk=None):
        return Response({"pk": pk})


class Narrow(viewsets.ReadOnlyModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = HasScope("docs:read") & HasRole("reader") | HasScope("docs:delete")


router = DefaultRouter()
router.include_root_view = False
router.register("unbound", Unbound, basename="unbound")
router.register("narrow", Narrow, basename="narrow")
router.register("no-objects", NoObjects, basename="no-objects")

VIEWS = {
    "authenticated": Authenticated,
    "strong": Strong,
    "fresh": Fresh,
    "factor-alone": FactorAlone,
    "either-scope": Either,
    "either-role": EitherRole,
    "by-permission": ByPermission,
    "owners-only": OwnersOnly,
    "keys-only": KeysOnly,
    "tokens-only": TokensOnly,
    "clients-only": ClientsOnly,
    "sessions-only": SessionsOnly,
    "sessions-or-basic": SessionsOrBasic,
    "keys-then-sessions": KeysThenSessions,
    "sessions-of-drf": SessionsOfDRF,
    "only-sessions-of-drf": OnlySessionsOfDRF,
    "not-staff": NotStaff,
    "stricter": StricterView,
    "wide": WideView,
    "never": NeverView,
    "late": LateView,
    "by-method": ByMethod,
    "calls-on": CallsOn,
    "unthrottled": Unthrottled,
    "by-handler": ByHandler,
}
OWN_WAY = {
    "no-checks": NoChecks,
    "no-start": NoStart,
    "plain-dispatch": PlainDispatch,
    "no-denial": NoDenial,
}
"""Views that replace a step of DRF's: explaining answers nothing there."""
NOT_ANSWERABLE = (*(f"/{name}/" for name in OWN_WAY), "/no-objects/")
PATHS = [
    *(f"/{name}/" for name in VIEWS | OWN_WAY),
    "/no-objects/{}/",
    "/unbound/{}/seen/",
    "/unbound/{}/counted/",
    "/narrow/",
    "/narrow/{}/",
]
urlpatterns = [
    *(path(f"{name}/", view.as_view()) for name, view in (VIEWS | OWN_WAY).items()),
    path("", include(router.urls)),
    path("", include("tests.urls")),
]
