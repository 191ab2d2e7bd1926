"""django-oauth-toolkit: an opaque access token and a scope."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer


class OAuthToolkit(Contender):
    name, label, package = "oauth_toolkit", "django-oauth-toolkit (token and scope)", "oauth2_provider"

    def options(self) -> dict[str, Any]:
        from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope

        return {
            "authentication_classes": [OAuth2Authentication],
            "permission_classes": [TokenHasScope],
            "required_scopes": ["read"],
        }

    def issue(self, user: Any) -> dict[str, str]:
        import secrets
        from datetime import timedelta

        from django.utils import timezone
        from oauth2_provider.models import AccessToken, Application

        application, _ = Application.objects.get_or_create(
            name="benchmark", client_type="confidential", authorization_grant_type="client-credentials"
        )
        token = AccessToken.objects.create(
            user=user,
            token=secrets.token_urlsafe(22),
            application=application,
            expires=timezone.now() + timedelta(days=1),
            scope="read",
        )
        return bearer("Bearer", token.token)

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        return {"unknown": bearer("Bearer", "w" * 30)}


CONTENDERS = (OAuthToolkit,)
