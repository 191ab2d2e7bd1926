"""Views as projects write them at their worst: every way to declare, to forget, and to go around."""

from rest_framework import authentication, generics, permissions, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.response import Response

from django_apiaccess import AUTHENTICATED, PUBLIC, HasPermission, HasRole, HasScope, require_access
from django_apiaccess.authentication import AccessAuthentication, APIKeyAuthentication, SessionAuthentication
from django_apiaccess.filters import GrantedObjectsFilter
from django_apiaccess.permissions import HasAccess

from .models import Document, Parcel
from .views import Answer, DocumentSerializer, ParcelSerializer

# -- declared by method, by action, on the instance


class ByMethod(Answer):
    access = {"get": "docs:read", "POST": "docs:write"}


class DeclaredOnInstance(Answer):
    access = None


class Nothing(Answer):
    access = {}


class ReadOnlyForRoles(Answer):
    access = {"read": AUTHENTICATED & HasRole("editor"), "write": PUBLIC & HasRole("editor")}


class RoleAndScope(Answer):
    access = HasScope("docs:read") & HasRole("editor")


class ByPermission(Answer):
    access = HasPermission("testapp.change_document")


# -- @require_access wherever it can stand


@api_view(["GET", "POST"])
@require_access("docs:read")
def below(request):
    return Response({"user": request.user.get_username()})


@require_access("docs:read")
@api_view(["GET", "POST"])
def above(request):
    return Response({"user": request.user.get_username()})


@api_view(["GET"])
@permission_classes([permissions.AllowAny])
@require_access("docs:read")
def below_permissions(request):
    return Response({"user": str(request.user)})


@api_view(["GET"])
@require_access("docs:read")
@permission_classes([permissions.IsAdminUser])
def above_permissions(request):
    return Response({"user": str(request.user)})


@require_access("docs:read")
@api_view(["GET"])
@permission_classes([permissions.AllowAny])
def above_all(request):
    return Response({"user": str(request.user)})


@api_view(["GET"])
def bare(request):
    return Response({"user": str(request.user)})


@api_view(["GET"])
@require_access(PUBLIC)
def public(request):
    return Response({"user": str(request.user)})


@require_access("docs:read")
class DecoratedClass(Answer):
    permission_classes = (permissions.AllowAny,)


class DecoratedHandlers(Answer):
    permission_classes = (permissions.AllowAny,)

    @require_access("docs:read")
    def get(self, request):
        return Response({"user": str(request.user)})

    @require_access("docs:write")
    def post(self, request):
        return Response({"user": str(request.user)})


class DecoratedActions(viewsets.GenericViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer

    @require_access("docs:read")
    def list(self, request):
        return Response([])

    def create(self, request):
        return Response({})

    @action(detail=False, methods=["get"])
    @require_access("docs:read")
    def inner(self, request):
        return Response({"action": self.action})

    @require_access("docs:read")
    @action(detail=False, methods=["get"])
    def outer(self, request):
        return Response({"action": self.action})

    @action(detail=False, methods=["get"])
    def forgotten(self, request):
        return Response({"action": self.action})


# -- permission classes that compose, replace and compute


class Negated(Answer):
    permission_classes = (~HasAccess,)
    access = "docs:read"


class EveryBranch(Answer):
    permission_classes = ((permissions.IsAdminUser & HasAccess) | (permissions.IsAuthenticated & HasAccess),)
    access = "docs:read"


class OneBranch(Answer):
    permission_classes = ((permissions.IsAdminUser & HasAccess) | permissions.IsAuthenticated,)
    access = "docs:read"


class ComputedWithout(Answer):
    permission_classes = (HasAccess,)
    access = "docs:read"

    def get_permissions(self):
        return [permissions.IsAuthenticated()]


class ComputedWith(Answer):
    permission_classes = (permissions.IsAuthenticated,)
    access = "docs:read"

    def get_permissions(self):
        return [permissions.IsAuthenticated(), HasAccess()]


class ComputedByMethod(Answer):
    access = "docs:read"

    def get_permissions(self):
        return [HasAccess()] if self.request.method == "GET" else [permissions.IsAdminUser()]


class ModelPermissionsAlone(viewsets.ModelViewSet):
    """No declaration of ours at all."""

    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    permission_classes = (permissions.DjangoModelPermissions,)


class ObjectPermissions(viewsets.ModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    permission_classes = (HasAccess, permissions.DjangoObjectPermissions)
    access = AUTHENTICATED


# -- objects


class TitledDocuments(viewsets.ModelViewSet):
    """Looked up by another column, under another name in the URL."""

    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    lookup_field = "title"
    lookup_url_kwarg = "name"
    filter_backends = (GrantedObjectsFilter,)
    access = {"read": "docs:read", "write": "docs:write"}

    @action(detail=True, methods=["post"])
    def stamp(self, request, name=None):
        """Does not call get_object."""
        return Response({"stamped": name})

    @action(detail=False, methods=["get"])
    def summary(self, request):
        """Does not filter."""
        return Response({"count": Document.objects.count()})


class RoleOrScope(viewsets.ReadOnlyModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = HasScope("docs:read") | HasRole("editor")


class RoleOnObjects(viewsets.ReadOnlyModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = HasRole("reader") & HasScope("docs:read")


class WrittenParcels(viewsets.ModelViewSet):
    queryset = Parcel.objects.order_by("title")
    serializer_class = ParcelSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = {"read": "docs:read", "write": "docs:write"}


class Count(generics.GenericAPIView):
    """Has the filter, as by the project's default, and does not use it."""

    queryset = Document.objects.all()
    filter_backends = (GrantedObjectsFilter,)
    access = "docs:read"

    def get(self, request):
        return Response({"count": Document.objects.count()})


class PlainList(generics.ListAPIView):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = "docs:read"


# -- authenticators


class Word(BaseAuthentication):
    """A project's own scheme, after ours."""

    def authenticate(self, request):
        from django.contrib.auth import get_user_model

        scheme, _, word = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() not in {"word", "token", "bearer", "negotiate"} or not word:
            return None
        return get_user_model().objects.get(username="word"), word


class OursThenWord(Answer):
    authentication_classes = (AccessAuthentication, Word)
    access = AUTHENTICATED


class OursThenBasic(Answer):
    authentication_classes = (AccessAuthentication, authentication.BasicAuthentication)
    access = AUTHENTICATED


class KeysOnly(Answer):
    authentication_classes = (APIKeyAuthentication,)
    access = AUTHENTICATED


class SessionsOnly(Answer):
    authentication_classes = (SessionAuthentication,)
    access = AUTHENTICATED


class Whoever(Answer):
    access = AUTHENTICATED


class Touch(Answer):
    """Uses `request.user` as views do: as a value, saved, and asked for permissions."""

    access = AUTHENTICATED

    def get(self, request):
        from django.contrib.admin.models import LogEntry

        entry = LogEntry(user=request.user, action_flag=1, object_repr="x")
        entry.save()
        request.user.first_name = "touched"
        request.user.save()
        return Response(
            {
                "entries": LogEntry.objects.filter(user=request.user).count(),
                "view": request.user.has_perm("testapp.view_document"),
                "delete": request.user.has_perm("testapp.delete_document"),
            }
        )
