"""What the rules about endpoints share: the inventory, whose a view is, where its code stands, and how it is named."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from ...audit import places
from ...audit.finding import Subject
from ...audit.run import Audit
from ...authn.checks import drf
from ..declaration import SAFE_METHODS
from ..inventory import ANY_METHOD, Endpoint, endpoints

OWN: Final = "django_apiaccess."
HAS_ACCESS: Final = "django_apiaccess.permissions.HasAccess"


def all_endpoints() -> list[Endpoint]:
    """The inventory of the project; empty where it has no URL conf."""
    return endpoints() if getattr(settings, "ROOT_URLCONF", None) else []


def drf_endpoints(audit: Audit) -> list[Endpoint]:
    """Those that DRF made, without this app's own."""
    return [endpoint for endpoint in audit.fact(all_endpoints) if endpoint.is_drf and not is_ours(endpoint)]


def is_ours(endpoint: Endpoint) -> bool:
    """Whether the view is this app's own."""
    return endpoint.view.startswith(OWN)


def is_safe(endpoint: Endpoint) -> bool:
    """Whether the method reads only (RFC 9110 section 9.2.1)."""
    return endpoint.method in SAFE_METHODS


def by_path(found: Iterable[Endpoint]) -> Iterator[list[Endpoint]]:
    """Endpoints of one path and view together: what is wrong with three methods of a view is one finding."""
    groups: dict[tuple[str, str], list[Endpoint]] = {}
    for endpoint in found:
        groups.setdefault((endpoint.path, endpoint.view), []).append(endpoint)
    yield from groups.values()


def by_view(found: Iterable[Endpoint]) -> Iterator[list[Endpoint]]:
    """Endpoints of one view class together, whatever their paths."""
    groups: dict[Any, list[Endpoint]] = {}
    for endpoint in found:
        groups.setdefault(endpoint.cls or endpoint.view, []).append(endpoint)
    yield from groups.values()


def endpoint_subject(group: list[Endpoint]) -> Subject:
    """The path with its methods, at the view's code."""
    first = group[0]
    methods = ", ".join(sorted({endpoint.method for endpoint in group if endpoint.method != ANY_METHOD}))
    file, line = place_of(first)
    return Subject("endpoint", first.path, f"{methods} {first.path}".strip(), path=places.relative(file), line=line)


def view_subject(group: list[Endpoint]) -> Subject:
    """The view's name, at its code."""
    file, line = place_of(group[0])
    return Subject("view", group[0].view, group[0].view, path=places.relative(file), line=line)


def target_of(endpoint: Endpoint) -> Any:
    """The class or function that a person wrote."""
    if endpoint.cls is not None:
        return endpoint.cls
    target = endpoint.callback
    while isinstance(target, functools.partial):
        target = target.func
    return inspect.unwrap(target) if callable(target) else target


def name_in_code(endpoint: Endpoint) -> str:
    """The name under which the code defines the view: `@api_view` hides a function in a class."""
    target = target_of(endpoint)
    qualname = getattr(target, "__qualname__", "") or type(target).__qualname__
    return target.__name__ if qualname == "WrappedAPIView" else qualname


def file_of(endpoint: Endpoint) -> str:
    """The source file of the view; empty where there is none."""
    target = target_of(endpoint)
    code = getattr(target, "__code__", None)
    if code is not None:
        return str(code.co_filename)
    module = sys.modules.get(getattr(target, "__module__", None) or type(target).__module__)
    return str(getattr(module, "__file__", "") or "")


def node_of(endpoint: Endpoint) -> ast.AST | None:
    """The view's definition in the source; None for one that was made in another way."""
    file = file_of(endpoint)
    return places.definitions(file).get(name_in_code(endpoint)) if file else None


def place_of(endpoint: Endpoint) -> tuple[str, int]:
    """File and line of the view's definition."""
    node = node_of(endpoint)
    code = getattr(target_of(endpoint), "__code__", None)
    return file_of(endpoint), getattr(node, "lineno", 0) or getattr(code, "co_firstlineno", 0)


def is_written_here(endpoint: Endpoint) -> bool:
    """Whether the project's own code defines the view; else a package does."""
    return places.in_project(file_of(endpoint))


def is_function_view(endpoint: Endpoint) -> bool:
    """Whether `@api_view` made it."""
    return getattr(endpoint.cls, "__qualname__", "") == "WrappedAPIView"


def is_a(cls: Any, *names: str) -> bool:
    """Whether a class is, or builds on, one of these dotted names; so nothing needs to be imported to ask."""
    line = getattr(cls, "__mro__", ())
    return any(f"{base.__module__}.{base.__qualname__}" in names for base in line)


def names_of(classes: Iterable[Any]) -> str:
    """Class names for a sentence."""
    return ", ".join(getattr(cls, "__name__", str(cls)) for cls in classes) or "none"


def is_default(endpoint: Endpoint, kind: str, setting: str) -> bool:
    """Whether a view's authenticators, throttles or permissions are those of REST_FRAMEWORK: then the setting is what is wrong."""
    return list(getattr(endpoint, kind)) == drf(setting)


def resource_of(endpoint: Endpoint) -> str:
    """A word for scopes of the view, from its path: `orders` for /api/orders/{id}/."""
    words = [part.replace("-", "_").lower() for part in endpoint.path.split("/") if part and "{" not in part]
    return next((word for word in reversed(words) if word.isidentifier()), "items")


def declare_line(group: list[Endpoint]) -> str:
    """The line that declares these endpoints, filled in for their path."""
    word = resource_of(group[0])
    kinds = dict.fromkeys("read" if is_safe(endpoint) else "write" for endpoint in group)
    if is_function_view(group[0]):
        return f'@require_access("{word}:{next(iter(kinds))}")  # below @api_view'
    given = "..., " if isinstance(getattr(group[0].cls, "access", None), Mapping) else ""
    wanted = ", ".join(f'"{kind}": "{word}:{kind}"' for kind in sorted(kinds))
    return f"access = {{{given}{wanted}}}"
