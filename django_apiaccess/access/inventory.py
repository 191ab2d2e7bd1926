"""Every endpoint of the project and what it asks, read from the URL conf by the code that judges live requests.

This module looks at the DRF edge from outside, so it is one of the two in `access` that import it (when called).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from ..core.requirement import And, Requirement
from .declaration import SAFE_METHODS, DeclarationError
from .hooks import own_answer, own_way

CONVERTED: Final = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
DRF_SUFFIX: Final = re.compile(r"<drf_format_suffix[^<>]*:format>")
FORMAT_SUFFIX: Final = re.compile(r"\.\{format\}/?$")
IMPLICIT: Final = frozenset({"head", "options", "trace"})
"""Methods that every view answers by itself, as its GET would be answered."""
ANY_METHOD: Final = "*"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. `declared` and `public` hold only where `HasAccess` is there to ask (`guarded`)."""

    path: str
    method: str
    view: str
    action: str | None = None
    requirement: Requirement | None = None
    problem: str = ""
    """What is wrong with the form of the declaration, if anything."""
    guarded: bool = False
    unknown: str = ""
    """Why it cannot be said whether anything is asked, if so; it never counts as guarded then."""
    is_drf: bool = True
    takes_credentials: bool = False
    """Whether our authentication reads the requests."""
    throttled: bool = False
    name: str = ""
    """Name in the URL conf, with its namespaces."""
    cls: type | None = field(default=None, repr=False, compare=False)
    callback: Any = field(default=None, repr=False, compare=False)
    """What the URL conf calls; for DRF's, the function that DRF made."""
    authenticators: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    throttles: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    permissions: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    """The classes of a DRF view, as it names them or as they are by default."""
    narrowed: bool = False
    """Whether `GrantedObjectsFilter` narrows what it works on."""

    @property
    def opens_single_objects(self) -> bool:
        """Whether it may be entered with a right on single objects alone (`permissions.opens_single_objects`)."""
        from ..filters import narrows_objects

        if self.cls is None or not narrows_objects(self.cls):
            return False
        return "{" in self.path or self.method in SAFE_METHODS

    @property
    def declared(self) -> bool:
        return self.requirement is not None

    @property
    def public(self) -> bool:
        return self.requirement is not None and self.requirement.public

    @property
    def scopes(self) -> tuple[str, ...]:
        return () if self.requirement is None else tuple(sorted(self.requirement.scopes()))

    @property
    def roles(self) -> tuple[str, ...]:
        return () if self.requirement is None else tuple(sorted(self.requirement.roles()))


def endpoints(urlconf: Any = None) -> list[Endpoint]:
    """All endpoints, DRF's and others, in the order of the URL conf. Routes that only add a format suffix are left out.

    Raises what importing the URL conf raises.
    """
    found: dict[tuple[str, str], Endpoint] = {}
    for path, callback, name in routes(urlconf):
        for endpoint in _of_callback(path, callback, name):
            bare = FORMAT_SUFFIX.sub("", path)
            if bare == path or not ({(bare, endpoint.method), (f"{bare}/", endpoint.method)} & found.keys()):
                found.setdefault((path, endpoint.method), endpoint)  # the first route wins, as in Django
    return list(found.values())


def routes(urlconf: Any = None) -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Path (`/api/orders/{id}/`), callback and name of every route."""
    yield from _walk(get_resolver(urlconf).url_patterns, "/", "")


def _walk(patterns: Any, prefix: str, namespace: str) -> Iterator[tuple[str, Callable[..., Any], str]]:
    for pattern in patterns:
        path = prefix + _readable(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, path, inner)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback, f"{namespace}{pattern.name or ''}" if pattern.name else ""


def _readable(pattern: Any) -> str:
    """A route or a regular expression as people write paths, parameters in braces."""
    text = str(pattern)
    if not isinstance(pattern, RoutePattern):
        text = simplify_regex(text).removeprefix("/").replace("\\", "")
    return CONVERTED.sub(r"{\1}", DRF_SUFFIX.sub(".{format}", text))


def drf_callback(callback: Any) -> Any:
    """The callback that DRF made, unwrapped from partials and decorators; None where there is none."""
    for _depth in range(20):
        if isinstance(getattr(callback, "cls", None), type) and hasattr(callback.cls, "permission_classes"):
            return callback
        inner = callback.func if isinstance(callback, functools.partial) else getattr(callback, "__wrapped__", None)
        if inner is None:
            return None
        callback = inner
    return None


def methods_of(callback: Any) -> dict[str, str | None]:
    """Method to action (None outside viewsets) of what DRF made; without those that every view answers by itself."""
    cls = callback.cls
    allowed = [
        name.lower() for name in getattr(callback, "initkwargs", {}).get("http_method_names", cls.http_method_names)
    ]
    actions = getattr(callback, "actions", None)
    if actions is not None:
        return {
            method.upper(): action for method, action in actions.items() if method in allowed and method not in IMPLICIT
        }
    return {method.upper(): None for method in allowed if method not in IMPLICIT and hasattr(cls, method)}


def bound_view(callback: Any, method: str) -> Any:
    """A view instance as DRF would make it for a request with `method`, before it sees the request."""
    view = callback.cls(**getattr(callback, "initkwargs", {}))
    actions = getattr(callback, "actions", None)
    if actions is not None:
        view.action_map = dict(actions)
        if "get" in actions:
            view.action_map.setdefault("head", actions["get"])
        for verb, action in view.action_map.items():
            setattr(view, verb, getattr(view, action))
        view.action = view.action_map.get(method.lower())
    elif hasattr(view, "get") and not hasattr(view, "head"):
        view.head = view.get
    view.request, view.args, view.kwargs, view.format_kwarg = None, (), {}, None
    return view


def dotted(cls: type) -> str:
    """Where a view class lives. `api_view` renames its class but for `__qualname__`."""
    name = cls.__name__ if cls.__qualname__ == "WrappedAPIView" else cls.__qualname__
    return f"{cls.__module__}.{name}"


def _of_callback(path: str, callback: Any, name: str) -> Iterator[Endpoint]:
    made = drf_callback(callback)
    if made is None:
        yield from _foreign(path, callback, name)
        return
    for method, action in sorted(methods_of(made).items(), key=lambda item: item[0]):
        yield _endpoint(path, made, name, method, action)


def _foreign(path: str, callback: Any, name: str) -> Iterator[Endpoint]:
    """A view that DRF did not make: a Django view, a function, anything that can be called."""
    cls = getattr(callback, "view_class", None)
    if isinstance(cls, type):
        allowed = [
            verb for verb in getattr(cls, "http_method_names", ()) if verb not in IMPLICIT and hasattr(cls, verb)
        ]
        for method in allowed or [ANY_METHOD]:
            yield Endpoint(path, method.upper(), dotted(cls), is_drf=False, name=name, cls=cls, callback=callback)
        return
    made = callback
    while isinstance(callback, functools.partial):
        callback = callback.func
    module = getattr(callback, "__module__", None) or type(callback).__module__
    named = getattr(callback, "__qualname__", None) or type(callback).__qualname__
    yield Endpoint(path, ANY_METHOD, f"{module}.{named}", is_drf=False, name=name, callback=made)


def _endpoint(path: str, made: Any, name: str, method: str, action: str | None) -> Endpoint:
    from ..authentication import AccessAuthentication
    from ..filters import narrows_objects
    from ..throttling import AccessRateThrottle

    facts: dict[str, Any] = {"name": name, "action": action, "cls": made.cls, "callback": made}
    try:
        view: Any = bound_view(made, method)
    except Exception as error:  # noqa: BLE001 - a project's own code, which may ask for a request that is not there
        return Endpoint(path, method, dotted(made.cls), problem=f"the view could not be made: {error!r}", **facts)
    facts["authenticators"], facts["throttles"] = tuple(view.authentication_classes), tuple(view.throttle_classes)
    facts["permissions"], facts["narrowed"] = tuple(view.permission_classes), narrows_objects(view)
    facts["takes_credentials"] = _has(view.authentication_classes, AccessAuthentication)
    facts["throttled"] = _has(view.throttle_classes, AccessRateThrottle)
    try:
        facts |= _answers(view, method, path)
    except DeclarationError as error:
        facts["guarded"], facts["problem"] = True, str(error)
    return Endpoint(path, method, dotted(made.cls), **facts)


def asked(view: Any, method: str) -> tuple[bool, Requirement | None]:
    """Whether `HasAccess` surely guards a bound view, and what is asked for a method. Raises `DeclarationError`."""
    facts = _answers(view, method, "/")
    return facts["guarded"], facts["requirement"]


def _answers(view: Any, method: str, path: str) -> dict[str, Any]:
    """What a bound view says for a request of nobody: `guarded`, `requirement`, `unknown` and `permissions` of its endpoint."""
    from ..permissions import declared_by, requirements_asked
    from .context import Context
    from .unsent import http_request, meet, savepoint

    unknown = own_way(view)
    try:
        with savepoint(view.get_permissions):
            if view.request is None:
                meet(view, http_request(method, path, Context()))
            permissions = list(view.get_permissions())
    except Exception as error:  # noqa: BLE001 - a project's own code, which may ask for what is not there
        permissions = []
        unknown = unknown or f"its permissions could not be asked: {error!r}"
    guarded, unsure = _guard(permissions)
    unknown = unknown or unsure
    request: Any = SimpleNamespace(method=method)
    wanted = requirements_asked(permissions, request, view) if guarded or unknown else []
    marked = declared_by(getattr(view, method.lower(), None))
    wanted += [marked] if marked is not None else []
    each = list(dict.fromkeys(wanted))
    found = {"guarded": guarded and not unknown, "unknown": unknown, "requirement": None}
    if _computes(type(view)) and permissions:
        found["permissions"] = tuple(each if hasattr(each, "op1") else type(each) for each in permissions)
    if each and None not in each:
        found["requirement"] = functools.reduce(And.of, each)  # type: ignore[arg-type]
    return found


def _guard(permissions: list[Any]) -> tuple[bool, str]:
    """Whether `HasAccess` has a say among these; and the class that replaces its answer, where that alone would."""
    from ..permissions import guards, leaves

    unsure = ""
    for permission in permissions:
        if guards(permission):
            own = next((found for leaf in leaves(permission) if (found := own_answer(leaf))), "")
            if not own:
                return True, ""
            unsure = unsure or own
    return bool(unsure), unsure


def _computes(cls: type) -> bool:
    """Whether a view answers `get_permissions` in a way of its own."""
    from rest_framework.views import APIView

    return getattr(cls, "get_permissions", None) is not APIView.get_permissions


def guards_by_default() -> bool:
    """Whether `HasAccess` guards views that name no permission classes of their own."""
    from rest_framework.settings import api_settings

    from ..permissions import guards

    return any(guards(permission) for permission in api_settings.DEFAULT_PERMISSION_CLASSES)


def _has(classes: Any, wanted: type) -> bool:
    return any(isinstance(found, type) and issubclass(found, wanted) for found in classes)
