"""djangorestframework-simplejwt, HS256 with its user look-up. Its access tokens cannot be revoked."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer


class SimpleJWT(Contender):
    name, label, package = "simplejwt", "simplejwt HS256 (not revocable)", "rest_framework_simplejwt"

    def options(self) -> dict[str, Any]:
        from rest_framework.permissions import IsAuthenticated
        from rest_framework_simplejwt.authentication import JWTAuthentication

        return {"authentication_classes": [JWTAuthentication], "permission_classes": [IsAuthenticated]}

    def issue(self, user: Any) -> dict[str, str]:
        from datetime import timedelta

        from rest_framework_simplejwt.tokens import AccessToken

        token = AccessToken.for_user(user)
        token.set_exp(lifetime=timedelta(hours=2))
        return bearer("Bearer", str(token))

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        header, payload, signature = self.issue(user)["HTTP_AUTHORIZATION"].split()[1].split(".")
        return {"unknown": bearer("Bearer", f"{header}.{payload}.{signature[::-1]}")}


CONTENDERS = (SimpleJWT,)
