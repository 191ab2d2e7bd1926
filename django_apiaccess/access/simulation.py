"""A request that nobody sent, put before the permission classes of its view. Nothing is written: no event, no use, no rate.

This module looks at the DRF edge from outside, as `inventory` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404
from django.urls import Resolver404, resolve
from rest_framework.exceptions import APIException
from rest_framework.permissions import AND, NOT, OR

from ..authentication import AccessAuthentication
from ..authn import responses
from ..core.access import Access
from ..core.decision import Decision
from ..core.reasons import Reason
from ..core.requirement import Requirement
from ..exceptions import UnknownName
from ..permissions import HasAccess, declared_by, guard_problem, judge, judge_object
from ..roles.names import nearest
from .declaration import METHODS
from .explanation import Part
from .inventory import bound_view, dotted, drf_callback, routes


@dataclass(frozen=True, slots=True)
class Simulation:
    """A bound view with its request, still anonymous. `sign_in` gives it a caller."""

    method: str
    path: str
    view: Any
    request: Any

    @classmethod
    def of(cls, method: str, path: str, *, address: str = "", origin: str = "") -> Simulation:
        """The view that takes `method` on `path`. Raises `UnknownName` that names the nearest."""
        path = "/" + path.partition("?")[0].lstrip("/")
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
        offered = [name.upper() for name in view.http_method_names if hasattr(view, name)]
        if verb not in offered:
            raise UnknownName(f"{path!r} takes {', '.join(sorted(offered))}, not {verb}.", field="method")
        http = http_request(verb, path, address, origin)
        http.resolver_match = match
        view.args, view.kwargs = match.args, match.kwargs
        view.headers = {}
        view.request = view.initialize_request(http, *match.args, **match.kwargs)
        view.format_kwarg = match.kwargs.get("format")
        view.request.user, view.request.auth = AnonymousUser(), None
        return cls(verb, path, view, view.request)

    @property
    def view_name(self) -> str:
        return dotted(type(self.view))

    def sign_in(self, user: Any, access: Access | None) -> None:
        """Let `user` be the caller, with `access`; None: brought by another authenticator."""
        self.request.user, self.request.auth = user, access

    def takes(self, kind: str) -> bool:
        """Whether an authenticator of the view accepts credentials of ours of that kind."""
        return any(
            isinstance(found, AccessAuthentication) and found.takes(kind) for found in self.view.get_authenticators()
        )

    def guard(self) -> Part | None:
        """The refusal of a scoped credential on a view that `HasAccess` does not guard; None where it does."""
        problem = guard_problem(self.request)
        if not problem:
            return None
        detail = f"{problem}, so it refuses scoped credentials"
        return Part("guard", allowed=False, reason=Reason.UNDECLARED, detail=detail, status=responses.UNDECLARED.status)

    def judged(self) -> Iterator[Part]:
        """The answers of the view's permissions, one each; then that of the object in the path; nothing after the first no."""
        permissions = self.view.get_permissions()
        for permission in permissions:
            part = self._weigh(permission)
            yield part
            if not part.allowed:
                return
        marked = declared_by(getattr(self.view, self.method.lower(), None))
        if marked is not None and not any(isinstance(permission, HasAccess) for permission in permissions):
            yield self._asked(marked)  # the handler asks by itself
        yield from self._object(permissions)

    def _asked(self, requirement: Requirement | None) -> Part:
        return self._part(judge(self.request, self.view, requirement), requirement)

    def _weigh(self, permission: Any, obj: Any = None) -> Part:
        """One permission as DRF asks it: `|` and `&` from left to right, an exception ends it."""
        if isinstance(permission, HasAccess):
            return self._weigh_ours(permission, obj)
        if isinstance(permission, AND | OR):
            return self._weigh_pair(permission, obj)
        if isinstance(permission, NOT):
            inner = self._weigh(permission.op1, obj)  # type: ignore[attr-defined]
            allowed = not inner.allowed and inner.status is None
            return Part("not", allowed=allowed, parts=(inner,), status=inner.status)
        name = type(permission).__name__
        try:
            if obj is None:
                allowed = bool(permission.has_permission(self.request, self.view))
            else:
                allowed = bool(permission.has_object_permission(self.request, self.view, obj))
        except (APIException, PermissionDenied, Http404) as error:
            status = getattr(error, "status_code", 404 if isinstance(error, Http404) else 403)
            return Part(name, allowed=False, detail=f"answers {status}", status=status)
        except Exception as error:  # noqa: BLE001 - a project's own class: the request would end here too
            return Part(name, allowed=False, detail=f"fails with {error!r}", status=500)
        return Part(name, allowed=allowed, detail="" if allowed else "a permission class of the view")

    def _weigh_ours(self, permission: HasAccess, obj: Any) -> Part:
        requirement = permission.requirement_for(self.request, self.view)
        if obj is None:
            return self._asked(requirement)
        decision = judge_object(self.request, requirement, obj)
        return Part("HasAccess", allowed=True) if decision is None else self._part(decision, requirement)

    def _weigh_pair(self, permission: Any, obj: Any) -> Part:
        name, stop = ("either", True) if isinstance(permission, OR) else ("both", False)
        parts: list[Part] = []
        for side in (permission.op1, permission.op2):
            if obj is not None and stop and not self._weigh(side).allowed:
                continue  # DRF's OR: a side counts for an object only where it let the request in
            parts.append(self._weigh(side, obj))
            if parts[-1].allowed is stop or parts[-1].status is not None:
                break
        last = parts[-1] if parts else Part(name, allowed=False)
        return Part(name, allowed=last.allowed, reason=last.reason, parts=tuple(parts), status=last.status)

    def _object(self, permissions: list[Any]) -> Iterator[Part]:
        """What the permissions say of the object that the path names, for views that look one up as DRF's generic views do."""
        view = self.view
        value = view.kwargs.get(getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", ""))
        if value is None or not hasattr(view, "get_object"):
            return
        try:
            obj = view.filter_queryset(view.get_queryset()).filter(**{view.lookup_field: value}).first()
        except Exception:  # noqa: BLE001 - the project's own look-up needs more than this request has
            return
        if obj is None:
            yield Part("object", allowed=True, detail="there is none within reach: the answer is 404", decisive=False)
            return
        parts = [self._weigh(permission, obj) for permission in permissions]
        refused = next((part for part in parts if not part.allowed), None)
        if refused is not None:
            reason, status = refused.reason, refused.status
            yield Part(f"object {obj}", allowed=False, reason=reason, parts=tuple(parts), status=status)

    def _part(self, decision: Decision, requirement: Requirement | None) -> Part:
        """A decision as a part, with the status that its refusal has."""
        part = _of_decision(decision, requirement)
        if decision.allowed:
            return part
        if decision.reason is Reason.NO_CREDENTIAL:
            return replace(part, status=responses.NOT_AUTHENTICATED.status)
        answer = responses.UNDECLARED if requirement is None else responses.for_decision(decision, requirement)
        return replace(part, status=answer.status)


def _of_decision(decision: Decision, requirement: Requirement | None) -> Part:
    inner = getattr(requirement, "parts", ())
    parts = tuple(_of_decision(*pair) for pair in zip(decision.parts, inner, strict=True)) if decision.parts else ()
    return Part(decision.text, decision.allowed, decision.reason, decision.detail, parts=parts, requirement=requirement)


def http_request(method: str, path: str, address: str, origin: str) -> WSGIRequest:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "REMOTE_ADDR": address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(),
    }
    request = WSGIRequest({**environ, "HTTP_ORIGIN": origin} if origin else environ)
    request.user = AnonymousUser()
    return request


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
