"""django-rest-knox, with one token of the user: its cost grows with their number."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer


class Knox(Contender):
    name, label, package = "knox", "django-rest-knox (1 token of the user)", "knox"

    def options(self) -> dict[str, Any]:
        from knox.auth import TokenAuthentication
        from rest_framework.permissions import IsAuthenticated

        return {"authentication_classes": [TokenAuthentication], "permission_classes": [IsAuthenticated]}

    def issue(self, user: Any) -> dict[str, str]:
        from knox.models import AuthToken

        return bearer("Token", AuthToken.objects.create(user)[1])

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        return {"unknown": bearer("Token", "0" * 64)}


CONTENDERS = (Knox,)
