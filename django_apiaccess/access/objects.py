"""Which objects a requirement opens to an access: one condition for one SQL query, the same algebra as the decision."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from ..core.access import Access
from ..core.requirement import And, HasRole, HasScope, Or, Requirement, decide


def narrow(queryset: Any, requirement: Requirement, access: Access) -> Any:
    """`queryset` narrowed to the objects on which `requirement` holds for `access`."""
    condition = reach(queryset, requirement, access)
    if condition is True:
        return queryset
    if condition is False:
        return queryset.none()
    return queryset.filter(condition)


def reach(queryset: Any, requirement: Requirement, access: Access) -> Q | bool:  # noqa: PLR0911 - one a form
    """All objects (True), none (False), or those that fulfil the condition."""
    if isinstance(requirement, And):
        conditions = [reach(queryset, part, access) for part in requirement.parts]
        if False in conditions:
            return False
        narrowing = [condition for condition in conditions if condition is not True]
        return Q(*narrowing) if narrowing else True
    if isinstance(requirement, Or):
        conditions = [reach(queryset, part, access) for part in requirement.parts]
        if True in conditions:
            return True
        widening = [condition for condition in conditions if condition is not False]
        return Q(*widening, _connector=Q.OR) if widening else False
    if requirement.evaluate(access).allowed:
        return True
    if access.rights is None or not requirement.evaluate(access.somewhere()).allowed:
        return False
    if isinstance(requirement, HasScope):
        return Q(pk__in=access.rights.objects_with_scope(queryset.model, requirement.name))
    if isinstance(requirement, HasRole):
        return Q(pk__in=access.rights.objects_with_role(queryset.model, requirement.name))
    return False


def holds_somewhere(requirement: Requirement, access: Access) -> bool:
    """Whether some single object may open what `access` does not open as a whole."""
    return bool(access.object_scopes or access.object_roles) and decide(requirement, access.somewhere()).allowed
