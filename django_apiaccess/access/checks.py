"""Checks of what the project's views declare. They see exactly what live requests would meet: the inventory."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import MFA_METHODS
from ..core import scopes as core_scopes
from ..core.requirement import And, HasMFA, HasPermission, Or, Requirement
from ..mfa.checks import primary_methods
from ..roles.checks import model_permissions
from .declaration import SAFE_METHODS, reserved_keys
from .inventory import Endpoint, dotted, endpoints, guards_by_default

PERMISSION: Final = "django_apiaccess.permissions.HasAccess"


def _found() -> list[Endpoint]:
    """The DRF endpoints; none where the project has no URL conf."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    return [endpoint for endpoint in endpoints() if endpoint.is_drf]


def _by_view(found: Iterable[Endpoint]) -> dict[type, list[Endpoint]]:
    views: dict[type, list[Endpoint]] = {}
    for endpoint in found:
        if endpoint.cls is not None:
            views.setdefault(endpoint.cls, []).append(endpoint)
    return views


def _methods(found: Iterable[Endpoint]) -> str:
    """`GET /orders/, POST /orders/{id}/refund/`, at most three of them."""
    named = list(dict.fromkeys(f"{endpoint.method} {endpoint.path}" for endpoint in found))
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return ", ".join(named[:3]) + more


def leaves(requirement: Requirement) -> Iterator[Requirement]:
    """The single requirements of a combination."""
    if isinstance(requirement, And | Or):
        for part in requirement.parts:
            yield from leaves(part)
    else:
        yield requirement


def check_default_permission() -> Iterator[CheckMessage]:
    if not guards_by_default():
        yield warning(
            CheckId.NO_DEFAULT_PERMISSION,
            "HasAccess is not in DEFAULT_PERMISSION_CLASSES: views without permission classes of their own ask for no declared access.",
            f"Write REST_FRAMEWORK = {{'DEFAULT_PERMISSION_CLASSES': [{PERMISSION!r}], ...}}.",
        )


def check_authentication() -> Iterator[CheckMessage]:
    found = _found()
    if found and not any(endpoint.takes_credentials for endpoint in found if not _is_ours(endpoint.cls)):
        yield warning(
            CheckId.NO_AUTHENTICATION,
            "No view of the project authenticates with AccessAuthentication: API keys open nothing.",
            "Write REST_FRAMEWORK = {'DEFAULT_AUTHENTICATION_CLASSES': ['django_apiaccess.authentication.AccessAuthentication'], ...}.",
        )


def check_declarations() -> Iterator[CheckMessage]:
    """Declarations of a bad form."""
    for cls, found in _by_view(_found()).items():
        problem = next((endpoint.problem for endpoint in found if endpoint.problem), "")
        if problem:
            yield error(
                CheckId.BAD_DECLARATION,
                f"{dotted(cls)}: {problem}",
                "Write access = 'orders:read', or access = {'read': 'orders:read', 'write': 'orders:write'}.",
                obj=cls,
            )


def check_scopes() -> Iterator[CheckMessage]:
    """Scopes and permissions that views ask for and that nobody declared: such a view opens to nobody."""
    registry, permissions = core_scopes.registry, model_permissions()
    for cls, found in _by_view(_found()).items():
        wanted = [endpoint.requirement for endpoint in found if endpoint.requirement is not None]
        for name in sorted({name for requirement in wanted for name in requirement.scopes()}):
            if name not in registry:
                complaint = registry.complaint(name) or f"{name!r} stands for many scopes: a view asks for one."
                yield error(
                    CheckId.UNKNOWN_SCOPE,
                    f"{dotted(cls)} asks for the scope {name!r}. {complaint}",
                    f"Correct the name, or declare it in a scopes.py: declare_scope({name!r}, 'what it allows').",
                    obj=cls,
                )
        named = {leaf.name for requirement in wanted for leaf in leaves(requirement) if isinstance(leaf, HasPermission)}
        for name in sorted(named - permissions):
            near = difflib.get_close_matches(name, permissions, n=1)
            yield warning(
                CheckId.UNKNOWN_PERMISSION,
                f"{dotted(cls)} asks for the permission {name!r}, which no installed model has.",
                f"Did you mean {near[0]!r}?"
                if near
                else "Write app_label.codename, as HasPermission('shop.view_order').",
                obj=cls,
            )


def check_keys() -> Iterator[CheckMessage]:
    """Keys of an `access` dict that no request can ever meet: the request falls under read or write instead."""
    for cls in _by_view(_found()):
        access = getattr(cls, "access", None)
        if not isinstance(access, Mapping):
            continue
        actions = _actions(cls)
        for key in access:
            if isinstance(key, str) and key.lower() not in reserved_keys() and key not in actions:
                known = sorted({"read", "write"} | actions) + sorted(reserved_keys())
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                yield error(
                    CheckId.UNKNOWN_ACCESS_KEY,
                    f"{dotted(cls)}: access[{key!r}] names no action of the view and no HTTP method, so nothing ever asks for it.",
                    f"Did you mean {near[0]!r}?" if near else f"Use one of: {', '.join(dict.fromkeys(known))}.",
                    obj=cls,
                )


def _actions(cls: type) -> set[str]:
    """Names that a viewset may have as actions: what `@action` marked, and the routers' own."""
    if not hasattr(cls, "get_extra_actions"):
        return set()
    extra = {action.__name__ for action in cls.get_extra_actions()}
    mapped = {name for action in cls.get_extra_actions() for name in action.mapping.values()}
    routed = {"list", "create", "retrieve", "update", "partial_update", "destroy", "metadata"}
    routed_here = {endpoint.action for endpoint in _found() if endpoint.cls is cls and endpoint.action}
    return extra | mapped | routed_here | {name for name in routed if hasattr(cls, name) or name == "metadata"}


def check_undeclared() -> Iterator[CheckMessage]:
    """What HasAccess guards and nobody declared: closed to everybody."""
    for cls, found in _by_view(_found()).items():
        missing = [
            endpoint for endpoint in found if endpoint.guarded and not endpoint.declared and not endpoint.problem
        ]
        if missing:
            yield warning(
                CheckId.UNDECLARED,
                f"{dotted(cls)} declares no access for {_methods(missing)}: closed to everybody.",
                _advice(cls, missing),
                obj=cls,
            )


def _advice(cls: type, missing: list[Endpoint]) -> str:
    if cls.__module__.startswith("rest_framework."):
        return "It is DRF's own list of routes: use SimpleRouter, or give your router an APIRootView with access = AUTHENTICATED."
    if _is_function_view(cls):
        return "Put @require_access('orders:read') below @api_view, or @require_access(PUBLIC) to open it on purpose."
    kinds = dict.fromkeys("read" if endpoint.method in SAFE_METHODS else "write" for endpoint in missing)
    wanted = ", ".join(f"'{kind}': 'orders:{kind}'" for kind in kinds)
    return f"Declare it on the class, as access = {{{wanted}}}, or access = PUBLIC to open it on purpose."


def _is_function_view(cls: type) -> bool:
    """Whether `@api_view` made the class."""
    return cls.__qualname__ == "WrappedAPIView"


def check_unguarded() -> Iterator[CheckMessage]:
    """What our authentication reads but HasAccess does not guard: scoped credentials are refused there, other callers are not asked."""
    for cls, found in _by_view(_found()).items():
        missing = [endpoint for endpoint in found if endpoint.takes_credentials and not endpoint.guarded]
        unknown = next((endpoint.unknown for endpoint in missing if endpoint.unknown), "")
        if unknown:
            yield warning(
                CheckId.UNGUARDED,
                f"Nobody can tell whether HasAccess guards {dotted(cls)} ({_methods(missing)}): {unknown}.",
                "Let the method call super() first, on every way; let get_permissions need no more than self.request.",
                obj=cls,
            )
        elif missing:
            yield warning(
                CheckId.UNGUARDED,
                f"HasAccess does not guard {dotted(cls)} ({_methods(missing)}): keys are refused there, and declared access is not asked.",
                "Put @require_access('orders:read') below @api_view, or @require_access(PUBLIC) for everybody."
                if _is_function_view(cls)
                else "Add HasAccess: permission_classes = [HasAccess, ...], and declare access. Where it stands in a composition, "
                "combine it with &, not with |.",
                obj=cls,
            )


def check_second_factor() -> Iterator[CheckMessage]:
    if not sound("MFA") or primary_methods():
        return
    asking = [
        endpoint
        for endpoint in _found()
        if endpoint.requirement is not None and any(isinstance(leaf, HasMFA) for leaf in leaves(endpoint.requirement))
    ]
    if asking:
        yield warning(
            CheckId.NO_SECOND_FACTOR,
            f"{_methods(asking)} asks for a second factor, and no method is there to prove one: nobody passes.",
            f"Name methods that work here in API_ACCESS['MFA']['METHODS'], or leave it out for all of them: {', '.join(MFA_METHODS)}.",
        )


def _is_ours(cls: Any) -> bool:
    return cls is not None and cls.__module__.startswith("django_apiaccess.")


CHECKS: Final[tuple[Check, ...]] = (
    check_default_permission,
    check_authentication,
    check_declarations,
    check_scopes,
    check_keys,
    check_undeclared,
    check_unguarded,
    check_second_factor,
)
