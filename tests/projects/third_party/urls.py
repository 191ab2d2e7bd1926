"""Views that leave the decision to django-rules, django-guardian and DRF's object permissions."""

from django.urls import include, path
from guardian.shortcuts import get_objects_for_user
from rest_framework import permissions, serializers, viewsets
from rest_framework.routers import SimpleRouter
from rules.contrib.rest_framework import AutoPermissionViewSetMixin

from django_apiaccess import AUTHENTICATED
from django_apiaccess.permissions import HasAccess
from tests.testapp.models import Document
from tests.testapp.views import DocumentSerializer

from .models import Note


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = ("id", "text")


class Notes(AutoPermissionViewSetMixin, viewsets.ModelViewSet):
    """django-rules decides; ours lets any credential in."""

    queryset = Note.objects.order_by("pk")
    serializer_class = NoteSerializer
    access = AUTHENTICATED


class UnguardedNotes(Notes):
    """Without our permission class."""

    permission_classes = (permissions.IsAuthenticated,)


class Documents(viewsets.ModelViewSet):
    """DRF's object permissions, which ask django-guardian; a list narrowed by guardian."""

    serializer_class = DocumentSerializer
    queryset = Document.objects.order_by("pk")
    permission_classes = (HasAccess, permissions.DjangoObjectPermissions)
    access = {"read": "docs:read", "write": AUTHENTICATED}

    def get_queryset(self):
        if self.action == "list":
            return get_objects_for_user(self.request.user, "testapp.view_document")
        return self.queryset


router = SimpleRouter()
router.register("notes", Notes, basename="notes")
router.register("unguarded-notes", UnguardedNotes, basename="unguarded-notes")
router.register("documents", Documents, basename="documents")
urlpatterns = [path("", include(router.urls))]
