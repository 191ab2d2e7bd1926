"""What stands before a view that DRF did not make. In doubt something does: no weakness is invented."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any, Final

import django
from django.conf import settings
from django.contrib.auth.mixins import AccessMixin

from ...audit import places
from ..inventory import Endpoint
from . import source
from .views import file_of, is_a, node_of

MIDDLEWARE: Final = "django.contrib.auth.middleware.LoginRequiredMiddleware"
DJANGO: Final = Path(django.__file__).resolve().parent
TRANSPARENT: Final = (DJANGO / "views", DJANGO / "utils" / "decorators.py")
"""Where Django's decorators stand that let everybody through."""


def is_guarded(endpoint: Endpoint) -> bool:
    """Whether a log-in, a permission or anything of the project's own may stand before it."""
    return _by_middleware(endpoint) or _by_wrapper(endpoint.callback) or _by_class(endpoint.cls) or _by_code(endpoint)


def asks_for_session(endpoint: Endpoint) -> bool:
    """Whether it wants somebody logged in by the session cookie, as far as Django's own means tell."""
    if _by_middleware(endpoint) or (isinstance(endpoint.cls, type) and issubclass(endpoint.cls, AccessMixin)):
        return True
    return hasattr(endpoint.callback, "login_url") or "login_required" in set(_decorators(endpoint))


def is_csrf_exempt(endpoint: Endpoint) -> bool:
    return bool(getattr(endpoint.callback, "csrf_exempt", False))


def takes_changes(endpoint: Endpoint) -> bool:
    """Whether it takes methods that change something: a function does, unless a decorator says otherwise."""
    if endpoint.cls is not None:
        return any(hasattr(endpoint.cls, verb) for verb in ("post", "put", "patch", "delete"))
    return not {"require_safe", "require_GET"} & set(_decorators(endpoint))


def names_in(endpoint: Endpoint) -> set[str]:
    """Every name in the view's code, and in what of the project it builds on."""
    return set().union(*map(source.identifiers, _nodes(endpoint)))


def _nodes(endpoint: Endpoint) -> list[ast.AST]:
    nodes = [node_of(endpoint)]
    if endpoint.cls is not None:
        nodes += [node_of(Endpoint("", "", "", cls=base)) for base in endpoint.cls.__mro__[1:] if _is_here(base)]
    return [node for node in nodes if node is not None]


def _decorators(endpoint: Endpoint) -> list[str]:
    node = node_of(endpoint)
    return list(source.decorators(node)) if node is not None else []


def _by_middleware(endpoint: Endpoint) -> bool:
    if not getattr(endpoint.callback, "login_required", True):
        return False
    return any(path == MIDDLEWARE or path.endswith(".LoginRequiredMiddleware") for path in settings.MIDDLEWARE)


def _by_wrapper(callback: Any) -> bool:
    """What is wrapped around the view, in the URL conf or where it is defined."""
    if hasattr(callback, "admin_site") or hasattr(callback, "login_url"):
        return True
    for _depth in range(20):
        if isinstance(callback, functools.partial):
            callback = callback.func
            continue
        inner = getattr(callback, "__wrapped__", None)
        if inner is None:
            return False
        file = Path(getattr(getattr(callback, "__code__", None), "co_filename", "")).resolve()
        if not any(file == known or known in file.parents for known in TRANSPARENT):
            return True
        callback = inner
    return True


def _by_class(cls: Any) -> bool:
    if not isinstance(cls, type):
        return False
    if issubclass(cls, AccessMixin):
        return True
    return any(not base.__module__.startswith(("django.", "builtins")) and not _is_here(base) for base in cls.__mro__)


def _is_here(base: type) -> bool:
    return places.in_project(file_of(Endpoint("", "", "", cls=base)))


def _by_code(endpoint: Endpoint) -> bool:
    if node_of(endpoint) is None:
        return True
    if any(name and name not in source.NEUTRAL for name in _decorators(endpoint)):
        return True
    return any(map(source.looks_after_itself, _nodes(endpoint)))


def is_generic(endpoint: Endpoint, *names: str) -> bool:
    """Whether a class builds on one of Django's generic views, by name."""
    return any(is_a(endpoint.cls, f"django.views.generic.{name}") for name in names)
