"""DRF's own tokens."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer


class AuthToken(Contender):
    name, label = "authtoken", "DRF authtoken"

    def options(self) -> dict[str, Any]:
        from rest_framework.authentication import TokenAuthentication
        from rest_framework.permissions import IsAuthenticated

        return {"authentication_classes": [TokenAuthentication], "permission_classes": [IsAuthenticated]}

    def issue(self, user: Any) -> dict[str, str]:
        from rest_framework.authtoken.models import Token

        return bearer("Token", Token.objects.get_or_create(user=user)[0].key)

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        return {"unknown": bearer("Token", "f" * 40)}


CONTENDERS = (AuthToken,)
