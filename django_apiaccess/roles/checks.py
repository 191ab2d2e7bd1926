"""Checks of the backend that makes roles count in Django, and of the declared scopes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_permission_codename
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ..check_ids import Check, CheckId, error, warning
from ..core import scopes as core_scopes

BACKEND: Final = "django_apiaccess.backends.AccessBackend"


def check_backend() -> Iterator[CheckMessage]:
    named = list(settings.AUTHENTICATION_BACKENDS)
    wanted = import_string(BACKEND)
    places = [place for place, path in enumerate(named) if _is_a(path, wanted)]
    if not places:
        yield error(
            CheckId.NO_ACCESS_BACKEND,
            "AccessBackend is not in AUTHENTICATION_BACKENDS: user.has_perm() sees no role, and people could log in as service accounts.",
            f"Write AUTHENTICATION_BACKENDS = [{BACKEND!r}, 'django.contrib.auth.backends.ModelBackend'].",
        )
    elif places[0] != 0:
        yield warning(
            CheckId.BACKEND_NOT_FIRST,
            f"{named[0]} stands before AccessBackend: it may log somebody in as a service account before ours forbids it.",
            f"Put {BACKEND!r} first in AUTHENTICATION_BACKENDS.",
        )


def _is_a(path: str, wanted: type) -> bool:
    try:
        found = import_string(path)
    except ImportError:  # reported by Django when it is used
        return False
    return isinstance(found, type) and issubclass(found, wanted)


def check_implied_scopes() -> Iterator[CheckMessage]:
    registry = core_scopes.registry
    for scope in registry:
        for implied in sorted(scope.implies):
            complaint = registry.complaint(implied)
            if complaint:
                yield error(
                    CheckId.UNKNOWN_IMPLIED_SCOPE,
                    f"The scope {scope.name!r} implies {implied!r}. {complaint}",
                    f"Correct implies=[...] in declare_scope({scope.name!r}, ...), or declare the scope {implied!r}.",
                )


def model_permissions() -> frozenset[str]:
    """Every permission that the installed models make at migrate, without asking the database."""
    found = set()
    for model in apps.get_models():
        meta: Any = model._meta
        codenames = [get_permission_codename(action, meta) for action in meta.default_permissions]
        codenames += [codename for codename, _name in meta.permissions]
        found |= {f"{meta.app_label}.{codename}" for codename in codenames}
    return frozenset(found)


def check_scope_permissions() -> Iterator[CheckMessage]:
    known = model_permissions()
    for scope in core_scopes.registry:
        for name in sorted(scope.permissions - known):
            near = difflib.get_close_matches(name, known, n=1)
            yield warning(
                CheckId.UNKNOWN_PERMISSION,
                f"The scope {scope.name!r} opens the permission {name!r}, which no installed model has.",
                f"Did you mean {near[0]!r}?"
                if near
                else "Write app_label.codename, as 'shop.view_order'. Silence it for permissions that a migration makes by hand.",
            )


CHECKS: Final[tuple[Check, ...]] = (check_backend, check_implied_scopes, check_scope_permissions)
