"""Views that work on single objects and do not ask whose they are."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count

from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...roles.models import Grant
from ..inventory import Endpoint
from .views import HAS_ACCESS, by_view, drf_endpoints, is_a, node_of, view_subject

NARROWS_NOTHING: Final = ("rest_framework.filters.", "django_filters.")
ASKS: Final = frozenset({"user", "auser", "auth"})
"""What a request knows of who is asking."""
SIDES: Final = ("op1_class", "op2_class", "op1", "op2")
"""Where DRF keeps the parts of a composition of permission classes."""
BASE: Final = ("rest_framework.permissions.", "django_apiaccess.permissions.")
FIX: Final = (
    "filter_backends = [GrantedObjectsFilter]  # or in get_queryset: self.request.auth.queryset(queryset, scope)"
)


def models_with_object_grants() -> Counter[Any]:
    """Model to the number of grants in force on single objects of it: one query, whatever their number."""
    rows = Grant.objects.active().exclude(content_type=None).values_list("content_type").annotate(count=Count("pk"))
    found: Counter[Any] = Counter()
    for content_type, count in rows.order_by():
        model = ContentType.objects.get_for_id(content_type).model_class()
        if model is not None:
            found[model] += count
    return found


@rule(
    "endpoints.objects-unfiltered",
    Severity.MEDIUM,
    title="Views that reach everybody's objects",
    why="Whoever holds the scope reaches every object by its id, whoever it belongs to: the most common hole of APIs.",
    fix=FIX,
    references=("ASVS 8.2.2", "API1:2023", "CWE-639"),
)
def objects_unfiltered(audit: Audit) -> Iterator[Finding]:
    granted = audit.fact(models_with_object_grants)
    found = [each for each in drf_endpoints(audit) if each.declared and not each.public and not each.narrowed]
    narrowed = {_model(each.cls): each.view for each in drf_endpoints(audit) if each.narrowed}
    for group in by_view(found):
        model = _model(group[0].cls)
        if model is None or _narrows(group[0]):
            continue
        if granted[model]:
            yield audit.found(
                view_subject(group),
                f"{_times(granted[model])} on single {model._meta.verbose_name_plural} open nothing here: the view does not look at them",
                aspect="grants",
            )
        elif model in narrowed:
            yield audit.found(
                view_subject(group),
                f"reaches every {model._meta.verbose_name}, where {narrowed[model]} keeps to those that were granted",
                severity=Severity.LOW,
                aspect="siblings",
            )
        owners = _owners(model)
        if owners and any("{" in endpoint.path for endpoint in group):
            yield audit.found(
                view_subject(group),
                f"reaches every {model._meta.verbose_name} by its id, although each belongs to somebody ({', '.join(owners)})",
                fix=f"{FIX}; or filter in get_queryset: {owners[0]}=request.user",
                aspect="owners",
                owners=list(owners),
            )


def _times(number: int) -> str:
    return "1 grant" if number == 1 else f"{number} grants"


def _model(cls: Any) -> Any:
    queryset = getattr(cls, "queryset", None)
    if queryset is not None:
        return getattr(queryset, "model", None)
    serializer = getattr(cls, "serializer_class", None)
    return getattr(getattr(serializer, "Meta", None), "model", None) if hasattr(cls, "get_queryset") else None


def _owners(model: Any) -> list[str]:
    """Foreign keys to users that say whose a row is; who made or changed it last says nothing of that."""
    user = apps.get_model(settings.AUTH_USER_MODEL)
    return [
        field.name
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model is user and not field.name.endswith("_by")
    ]


def _narrows(endpoint: Endpoint) -> bool:
    """Whether something of the project's own may look at the object: then nothing is claimed."""
    cls: Any = endpoint.cls
    backends = getattr(cls, "filter_backends", ())
    if any(not f"{each.__module__}.".startswith(NARROWS_NOTHING) for each in backends if isinstance(each, type)):
        return True
    if any(_asks_of_objects(each) for each in endpoint.permissions):
        return True
    return any(_mentions(cls, name) for name in ("get_queryset", "get_object", "filter_queryset"))


def _asks_of_objects(permission: Any) -> bool:
    sides = [getattr(permission, side) for side in SIDES if hasattr(permission, side)]
    if sides:
        return any(_asks_of_objects(side) for side in sides)
    permission = permission if isinstance(permission, type) else type(permission)
    owner: Any = next((base for base in permission.__mro__ if "has_object_permission" in vars(base)), None)
    if owner is None or is_a(permission, HAS_ACCESS):
        return False
    return not f"{owner.__module__}.".startswith(BASE) or owner.__name__ == "DjangoObjectPermissions"


def _mentions(cls: Any, name: str) -> bool:
    """Whether the project's own `get_queryset` (or another) looks at who is asking, or hands the request on; unreadable code does."""
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    if owner is None or owner.__module__.startswith("rest_framework."):
        return False
    node = node_of(Endpoint("", "", "", cls=owner))
    method = next((part for part in getattr(node, "body", ()) if getattr(part, "name", "") == name), None)
    if method is None:
        return True
    return any(_asks(part) for part in ast.walk(method))


def _asks(part: ast.AST) -> bool:
    if isinstance(part, ast.Attribute):
        return part.attr in ASKS and _is_request(part.value)
    given = [*part.args, *(keyword.value for keyword in part.keywords)] if isinstance(part, ast.Call) else []
    return any(_is_request(each) for each in given)


def _is_request(node: ast.AST) -> bool:
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == "request"
