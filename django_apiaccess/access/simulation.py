"""A request that nobody sent, put before its view. `weighing` asks the view about it. Nothing is written: no event, no use, no rate.

This module looks at the DRF edge from outside, as `inventory` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.urls import Resolver404, resolve
from rest_framework.authentication import SessionAuthentication

from ..authentication import AccessAuthentication
from ..authn.client import RequestClient, is_in_clear
from ..authn.kinds import enabled_kinds
from ..core.access import Access
from ..exceptions import NotAnswerable, UnknownName
from ..filters import narrows_objects
from ..permissions import access_of
from ..roles.names import nearest
from .context import Context
from .declaration import METHODS, SAFE_METHODS
from .hooks import own_way
from .imagined import Changes, amended
from .inventory import bound_view, dotted, drf_callback, routes
from .unsent import http_request, meet, savepoint


@dataclass(frozen=True, slots=True)
class Simulation:
    """A bound view with its request, still anonymous. `sign_in` gives it a caller."""

    method: str
    path: str
    view: Any
    request: Any
    context: Context
    changes: Changes = field(default_factory=Changes)

    @classmethod
    def of(cls, method: str, path: str, context: Context, changes: Changes | None = None) -> Simulation:
        """The view that takes `method` on `path`, percent-encoded or not.

        Raises `UnknownName` that names the nearest, and `NotAnswerable` for a view that replaces DRF's way of asking.
        """
        http = http_request(method, "/" + path.partition("?")[0].lstrip("/"), context)
        path = http.path_info
        verb = method.upper()
        if verb not in METHODS:
            raise UnknownName(f"Unknown method {method!r}.{nearest(verb, METHODS)}", field="method")
        try:
            match = resolve(path)
        except Resolver404:
            raise UnknownName(f"No view at {path!r}.{_nearest_path(path)}", field="path") from None
        made = drf_callback(match.func)
        if made is None:
            raise UnknownName(
                f"The view at {path!r} is none of DRF's: HasAccess does not decide about it.", field="path"
            )
        view = bound_view(made, verb)
        own = own_way(view)
        if own:
            raise NotAnswerable(
                f"{path!r} cannot be answered for: {own}, so what is asked shows in a live request only.", field="path"
            )
        offered = [name.upper() for name in view.http_method_names if hasattr(view, name)]
        if verb not in offered:
            raise UnknownName(f"{path!r} takes {', '.join(sorted(offered))}, not {verb}.", field="method")
        http.resolver_match = match
        meet(view, http, match.args, match.kwargs)
        return cls(verb, path, view, view.request, context, changes or Changes())

    @property
    def view_name(self) -> str:
        return dotted(type(self.view))

    @property
    def http(self) -> WSGIRequest:
        """The Django request."""
        return self.request._request  # type: ignore[no-any-return]

    @property
    def client(self) -> RequestClient:
        """Where it comes from, as credentials may be bound to it."""
        return RequestClient(self.http)

    def sign_in(self, access: Access, *, ours: bool = True) -> None:
        """Let its principal be the caller, with what would be given them, if anything. Not `ours`: another authenticator brought them."""
        if self.changes:
            access = amended(access, self.changes)
        self.request.user, self.request.auth = access.principal, access if ours else None
        if not ours:
            self.request.__dict__["apiaccess_other"] = access  # where `permissions.access_of` keeps it

    @property
    def access(self) -> Access | None:
        """The caller's; None: nobody's."""
        return access_of(self.request)

    @property
    def in_clear(self) -> bool:
        """Whether a credential is refused for the lack of TLS."""
        return is_in_clear(self.http)

    def reader(self, kind: str) -> AccessAuthentication | None:
        """The authenticator of the view that reads credentials of that kind; None: none of ours does."""
        enabled = kind == "session" or kind in {one.name for one in enabled_kinds()}
        for found in self.view.get_authenticators():
            if isinstance(found, AccessAuthentication) and enabled and found.takes(kind):
                return found
            if kind == "session" and isinstance(found, SessionAuthentication):
                return None  # DRF's comes first
        return None

    @property
    def opens_single_objects(self) -> bool:
        """Whether it may be entered with a right on single objects alone."""
        return narrows_objects(self.view) and bool(self.view.kwargs or self.method in SAFE_METHODS)

    def reads_headers(self) -> bool:
        """Whether an authenticator of ours looks for a credential in a header."""
        found = self.view.get_authenticators()
        return any(isinstance(one, AccessAuthentication) and one.only != "session" for one in found)

    def status(self, meant: int | None) -> int | None:
        """What the caller sees of a status: DRF turns 401 into 403 where the view's first authenticator has no challenge to send."""
        found = self.view.get_authenticators()
        asks = bool(found) and found[0].authenticate_header(self.request)
        return 403 if meant == 401 and not asks else meant

    def has_other_readers(self) -> bool:
        """Whether an authenticator that is none of ours may bring somebody."""
        return any(not isinstance(found, AccessAuthentication) for found in self.view.get_authenticators())

    def ends_unread(self) -> bool:
        """Whether a credential in a header that no authenticator read ends the request, instead of counting for nothing."""
        found = self.view.get_authenticators()
        return bool(found) and isinstance(found[-1], AccessAuthentication) and found[-1].only != "session"

    def named_object(self) -> Any:
        """The object that the path names, whoever may see it; None where it names none, or the view does not say of what kind."""
        value = self.view.kwargs.get(
            getattr(self.view, "lookup_url_kwarg", None) or getattr(self.view, "lookup_field", "")
        )
        if value is None or not hasattr(self.view, "get_queryset"):
            return None
        try:
            with savepoint(self.view.get_queryset):
                return self.view.get_queryset().filter(**{self.view.lookup_field: value}).first()
        except Exception:  # noqa: BLE001 - the project's own look-up needs more than this request has
            return None


def _nearest_path(path: str) -> str:
    """A hint: the path with its slash, or the route most like it."""
    if not path.endswith("/"):
        try:
            resolve(f"{path}/")
        except Resolver404:
            pass
        else:
            return f" Did you mean {path + '/'!r}?"
    return nearest(path, {route for route, callback, _name in routes() if drf_callback(callback) is not None})
