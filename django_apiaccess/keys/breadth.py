"""Keys that are wider than what their principals hold now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from ..core import scopes as core_scopes
from ..roles.models import Grant
from ..roles.policy import Held, Right, active_rights, current_policy
from .models import APIKey

BATCH: Final = 2000
Row = tuple[int, frozenset[str]]


def over_privileged() -> Iterator[int]:
    """Ids of usable keys that are wider than they should be, in a few queries a `BATCH` of principals.

    A key is too wide when it has a scope that its principal does not hold now (it would come alive with the next role), or when it is a
    superuser's with a wildcard (it grows with every scope that is declared).
    """
    for pk, scopes, beyond, superuser in _judged(APIKey.objects.usable()):
        if beyond or (superuser and any(name.endswith(":*") for name in scopes)):
            yield pk


def beyond_principals(keys: Any) -> Iterator[tuple[int, frozenset[str]]]:
    """The id of each key among `keys` with scopes that its principal does not hold now, and those scopes."""
    for pk, _scopes, beyond, _superuser in _judged(keys):
        if beyond:
            yield pk, beyond


def _judged(keys: Any) -> Iterator[tuple[int, frozenset[str], frozenset[str], bool]]:
    rows: dict[Any, list[Row]] = {}
    for pk, principal, scopes in keys.order_by().values_list("pk", "principal_id", "scopes"):
        rows.setdefault(principal, []).append((pk, scopes))
    principals = list(rows)
    for start in range(0, len(principals), BATCH):
        for principal, (held, superuser) in _held(principals[start : start + BATCH]).items():
            for pk, scopes in rows[principal]:
                beyond = core_scopes.registry.expand(scopes) - held.scopes - held.object_scopes
                yield pk, scopes, beyond, superuser


def _held(principals: list[Any]) -> dict[Any, tuple[Held, bool]]:
    """What many principals hold now, and whether they are superusers: as `held_by`, for all at once."""
    model: Any = get_user_model()
    policy, now = current_policy(), timezone.now()
    rights: dict[Any, set[Right]] = {principal: set() for principal in principals}
    columns = ("role_id", "scope_id", "content_type_id", "starts_at", "ends_at")
    grants = Grant.objects.active(now)
    owners = [("user_id", grants.filter(user__in=principals))]
    if hasattr(model, "groups"):
        member = f"group__{model._meta.get_field('groups').related_query_name()}"
        owners.append((member, grants.filter(Q(**{f"{member}__in": principals}))))
    for owner, found in owners:
        for principal, role, scope, kind, starts, ends in found.order_by().values_list(owner, *columns):
            if principal in rights:
                rights[principal] |= active_rights([(role, scope, kind is not None, starts, ends)], now)
    asked = {"is_active", "is_superuser"} & {field.name for field in model._meta.concrete_fields}
    users = model._default_manager.only("pk", *asked).in_bulk(principals)
    return {
        pk: (
            policy.held(
                rights[pk] if user.is_active else (),
                superuser=user.is_active and bool(getattr(user, "is_superuser", False)),
            ),
            bool(getattr(user, "is_superuser", False)),
        )
        for pk, user in users.items()
    }
