"""`me/`: who am I, and what may I do with this credential."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..authentication import AccessAuthentication
from ..core.requirement import AUTHENTICATED
from ..permissions import HasAccess, access_of
from ..throttling import AccessRateThrottle


class CredentialSerializer(serializers.Serializer[Any]):
    """Which credential was presented."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label: Any = serializers.CharField()


class PrincipalSerializer(serializers.Serializer[Any]):
    """Whom it speaks for."""

    id = serializers.CharField()
    username = serializers.CharField(allow_blank=True, help_text="Empty for a token that was given to a client.")
    kind = serializers.CharField(help_text="user or service_account.")


class AccessSerializer(serializers.Serializer[Any]):
    """An access as its holder sees it."""

    principal = PrincipalSerializer()
    credential = CredentialSerializer()
    scopes = serializers.ListField(child=serializers.CharField())
    object_scopes = serializers.ListField(child=serializers.CharField(), help_text="Held on single objects only.")
    roles = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="Django permissions within the scopes."
    )
    amr = serializers.ListField(child=serializers.CharField())
    acr = serializers.CharField(allow_blank=True)
    auth_time = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class MeView(APIView):
    """The caller's principal, credential, effective scopes, roles and permissions.

    A client that a person let in learns what its token opens. Who they are it asks `oauth/userinfo/`, within its consent.
    """

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    serializer_class = AccessSerializer
    access = AUTHENTICATED

    def get(self, request: Request) -> Response:
        access = access_of(request)
        assert access is not None
        user = access.principal
        data = {
            "principal": {
                "id": str(user.pk),
                "username": user.get_username() if access.first_party else "",
                "kind": "service_account" if hasattr(user, "service_account") else "user",
            },
            "credential": access.credential,
            "scopes": sorted(access.scopes),
            "object_scopes": sorted(access.object_scopes),
            "roles": sorted(access.roles) if access.first_party else [],
            "permissions": sorted(getattr(user, "get_all_permissions", frozenset)()),
            "amr": list(access.amr),
            "acr": access.acr,
            "auth_time": access.auth_time,
            "expires_at": access.expires_at,
        }
        return Response(AccessSerializer(data).data, headers={"Cache-Control": "no-store"})
