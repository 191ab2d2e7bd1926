"""Views of every kind that a project writes."""

from rest_framework import permissions, serializers, viewsets
from rest_framework.decorators import action, api_view
from rest_framework.response import Response
from rest_framework.views import APIView

from django_apiaccess import PUBLIC, Access, HasMFA, HasRole, HasScope, require_access
from django_apiaccess.filters import GrantedObjectsFilter
from django_apiaccess.permissions import HasAccess

from .models import Document, Parcel


class DocumentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Document
        fields = ("id", "title")


class ParcelSerializer(serializers.ModelSerializer):
    class Meta:
        model = Parcel
        fields = ("id", "title")


class DocumentViewSet(viewsets.ModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = {
        "read": "docs:read",
        "write": "docs:write",
        "destroy": HasScope("docs:delete") & HasRole("editor"),
        "publish": HasScope("docs:write") & HasMFA(max_age=300),
    }

    @action(detail=True, methods=["post"])
    def publish(self, request, pk=None):
        return Response({"published": pk})

    @action(detail=True, methods=["post"])
    def stamp(self, request, pk=None):
        """Falls under `write`, and does not call get_object."""
        return Response({"stamped": pk})


class UnfilteredDocumentViewSet(viewsets.ModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    access = {"read": "docs:read", "write": "docs:write"}


class ParcelViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Parcel.objects.order_by("title")
    serializer_class = ParcelSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = "docs:read"


class Answer(APIView):
    """Says who asked."""

    def get(self, request):
        auth = request.auth
        kind = auth.credential.kind if isinstance(auth, Access) else None
        return Response({"user": request.user.get_username() or None, "kind": kind})

    post = get


class Undeclared(Answer):
    pass


class Open(Answer):
    access = PUBLIC


class ReadOnly(Answer):
    access = {"read": "docs:read"}


class RoleOnly(Answer):
    access = HasRole("editor")


class AdminOnly(Answer):
    """Guarded by DRF's own class, which knows nothing of scopes."""

    permission_classes = (permissions.IsAdminUser,)


class Anybody(Answer):
    permission_classes = (permissions.AllowAny,)


class EitherAdminOrAccess(Answer):
    permission_classes = (permissions.IsAdminUser | HasAccess,)
    access = "docs:read"


class AdminAndAccess(Answer):
    permission_classes = (permissions.IsAdminUser & HasAccess,)
    access = "docs:read"


class ModelPermissions(viewsets.ModelViewSet):
    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    permission_classes = (HasAccess, permissions.DjangoModelPermissions)
    access = {"read": "docs:read", "write": HasScope("docs:read")}


@api_view(["GET"])
@require_access("reports:read")
def report(request):
    return Response({"report": True})


urlpatterns_views = {
    "undeclared": Undeclared,
    "open": Open,
    "read-only": ReadOnly,
    "role-only": RoleOnly,
    "admin-only": AdminOnly,
    "anybody": Anybody,
    "either": EitherAdminOrAccess,
    "both": AdminAndAccess,
}
