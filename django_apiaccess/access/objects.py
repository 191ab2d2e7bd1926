"""Which objects a requirement opens to an access: one condition for one SQL query, the same algebra as the decision."""

from __future__ import annotations

from itertools import chain, product
from typing import Any

from django.db.models import Q

from ..core.access import Access
from ..core.requirement import And, HasRole, HasScope, Or, Requirement, decide, verdict_on


def narrow(queryset: Any, requirement: Requirement, access: Access) -> Any:
    """`queryset` narrowed to the objects on which `requirement` holds for `access`."""
    if decide(requirement, access).allowed:
        return queryset
    condition = reach(queryset, requirement, access)
    if condition is True:
        return queryset
    if condition is False:
        return queryset.none()
    return queryset.filter(condition)


def reach(queryset: Any, requirement: Requirement, access: Access) -> Q | bool:
    """All objects (True), none (False), or those that fulfil the condition.

    Each alternative is judged by `decide` as if it stood alone: one that a scoped credential fulfils only through a role of its principal
    opens no object either.
    """
    conditions = [_reach_all(queryset, parts, access) for parts in alternatives(requirement)]
    if True in conditions:
        return True
    widening = [condition for condition in conditions if condition is not False]
    return Q(*widening, _connector=Q.OR) if widening else False


def alternatives(requirement: Requirement) -> list[tuple[Requirement, ...]]:
    """The requirement as a choice of parts that must all hold: its disjunctive normal form."""
    if isinstance(requirement, Or):
        return [parts for part in requirement.parts for parts in alternatives(part)]
    if isinstance(requirement, And):
        return [tuple(chain(*choice)) for choice in product(*(alternatives(part) for part in requirement.parts))]
    return [(requirement,)]


def _reach_all(queryset: Any, parts: tuple[Requirement, ...], access: Access) -> Q | bool:
    if not decide(And(parts), access.somewhere()).allowed:
        return False
    conditions = [_reach_one(queryset, part, access) for part in parts]
    if False in conditions:
        return False
    narrowing = [condition for condition in conditions if condition is not True]
    return Q(*narrowing) if narrowing else True


def _reach_one(queryset: Any, part: Requirement, access: Access) -> Q | bool:
    if verdict_on(part, access).allowed:
        return True
    if access.rights is None:
        return False
    if isinstance(part, HasScope):
        return Q(pk__in=access.rights.objects_with_scope(queryset.model, part.name))
    if isinstance(part, HasRole):
        return Q(pk__in=access.rights.objects_with_role(queryset.model, part.name))
    return False


def holds_somewhere(requirement: Requirement, access: Access) -> bool:
    """Whether some single object may open what `access` does not open as a whole."""
    return bool(access.object_scopes or access.object_roles) and decide(requirement, access.somewhere()).allowed
