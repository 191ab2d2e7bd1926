"""djangorestframework-api-key. It knows a key and no user."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer


class APIKeyPackage(Contender):
    name, label, package = "api_key", "djangorestframework-api-key (key only, no user)", "rest_framework_api_key"

    def options(self) -> dict[str, Any]:
        from rest_framework_api_key.permissions import HasAPIKey

        return {"permission_classes": [HasAPIKey]}

    def issue(self, user: Any) -> dict[str, str]:
        from rest_framework_api_key.models import APIKey

        return bearer("Api-Key", APIKey.objects.create_key(name="benchmark")[1])

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        return {"unknown": bearer("Api-Key", "zzzzzzzz." + "w" * 32)}


CONTENDERS = (APIKeyPackage,)
