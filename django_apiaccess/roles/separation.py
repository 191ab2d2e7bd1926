"""Static separation of duty: nobody holds more roles of a set than it allows, directly, by inheritance or through a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router

from ..exceptions import DutiesConflict
from .models import Grant, Role, SeparationOfDuty
from .policy import ancestors, role_edges

EVERYTHING = (None, "")
Reach = tuple[int | None, str]


@dataclass(frozen=True, slots=True)
class Violation:
    """One principal with too many roles of one set."""

    user_id: Any
    separation: str
    roles: tuple[str, ...]
    at_most: int


def violations(user_ids: Iterable[Any] | None = None) -> Iterator[Violation]:
    """Who holds too many roles of a set: among `user_ids`, or among everybody.

    Grants that begin later count, grants on single objects count with those on the same object and on everything.
    """
    sets = [
        (separation, set(separation.roles.values_list("pk", flat=True)))
        for separation in SeparationOfDuty.objects.all()
    ]
    if not sets:
        return
    names = dict(Role.objects.values_list("pk", "name"))
    edges = role_edges()
    closure = {role: frozenset(ancestors(edges, role)) for role in names}
    watched = set().union(*(roles for _, roles in sets))
    giving = [role for role, line in closure.items() if line & watched]
    held: dict[Any, dict[Reach, set[int]]] = defaultdict(lambda: defaultdict(set))
    for user_id, role_id, content_type_id, object_id in _role_grants(giving, user_ids):
        held[user_id][content_type_id, object_id] |= closure[role_id]
    for user_id, reaches in held.items():
        everywhere = reaches.get(EVERYTHING, set())
        for separation, roles in sets:
            worst = max((roles & (everywhere | here) for here in reaches.values()), key=len)
            if len(worst) > separation.at_most:
                found = tuple(sorted(names[role] for role in worst))
                yield Violation(user_id, separation.name, found, separation.at_most)


def _role_grants(roles: list[int], user_ids: Iterable[Any] | None) -> Iterator[tuple[Any, int, int | None, str]]:
    grants = Grant.objects.not_ended().filter(role__in=roles)
    columns = ("role_id", "content_type_id", "object_id")
    direct = grants.filter(user__isnull=False)
    if user_ids is not None:
        user_ids = list(user_ids)
        direct = direct.filter(user__in=user_ids)
    yield from direct.values_list("user_id", *columns)
    model = get_user_model()
    if not hasattr(model, "groups"):
        return
    related = model._meta.get_field("groups").related_query_name()
    through_groups = grants.filter(**{f"group__{related}__isnull": False})
    if user_ids is not None:
        through_groups = grants.filter(**{f"group__{related}__in": user_ids})
    yield from through_groups.values_list(f"group__{related}", *columns)


def check(user_ids: Iterable[Any] | None = None, *, error: type[DutiesConflict] = DutiesConflict) -> None:
    """Raise `DutiesConflict` where a set is violated. Call it after the change and within its transaction."""
    found = list(_first(violations(user_ids), 5))
    if not found:
        return
    model = get_user_model()
    users = model._default_manager.using(router.db_for_write(model)).in_bulk({violation.user_id for violation in found})
    sentences = [
        f"{users[violation.user_id].get_username()} would hold {' and '.join(violation.roles)}, "
        f"of which {violation.separation!r} allows {violation.at_most}"
        for violation in found
    ]
    raise error(f"{'; '.join(sentences)}. Take one of the roles back first.")


def _first(items: Iterator[Violation], count: int) -> Iterator[Violation]:
    for _, item in zip(range(count), items, strict=False):
        yield item
