"""Nothing, and a free authenticator: what everybody else is measured against."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated

from .base import Contender


class Free(BaseAuthentication):
    """Knows the user already."""

    user: Any = None

    def authenticate(self, request: Any) -> tuple[Any, None]:
        return self.user, None


class Floor(Contender):
    name, label = "floor", "bare view, no authentication"


class Stub(Contender):
    name, label = "stub", "free authenticator + IsAuthenticated"

    def options(self) -> dict[str, Any]:
        return {"authentication_classes": [Free], "permission_classes": [IsAuthenticated]}

    def issue(self, user: Any) -> dict[str, str]:
        Free.user = user
        return {}


CONTENDERS = (Floor, Stub)
