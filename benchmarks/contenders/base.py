"""What a contender says of itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar


def bearer(scheme: str, credential: str) -> dict[str, str]:
    """The WSGI environment's entry for an Authorization header."""
    return {"HTTP_AUTHORIZATION": f"{scheme} {credential}"}


class Contender:
    """One way to authenticate a request, behind the same view."""

    name: ClassVar[str]
    label: ClassVar[str]
    package: ClassVar[str] = "django"
    """The importable package that it needs."""
    api_access: ClassVar[dict[str, Any]] = {}
    """Settings of ours that differ while this contender is measured."""

    def available(self) -> bool:
        return find_spec(self.package.partition(".")[0]) is not None

    def options(self) -> dict[str, Any]:
        """Class attributes of the view: authentication, permissions and what else the package wants."""
        return {}

    def view(self) -> Callable[..., Any]:
        from rest_framework.response import Response
        from rest_framework.views import APIView

        def get(_view: Any, _request: Any) -> Response:
            return Response({"ok": True})

        return type(f"{self.name.title()}View", (APIView,), {"get": get, **self.options()}).as_view()

    def issue(self, user: Any) -> dict[str, str]:
        """The header of a valid request, made with the package's own means."""
        return {}

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        """Headers of requests that must be refused, by what is wrong with them."""
        return {}
