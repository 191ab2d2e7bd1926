"""What the report says of a principal, apart from its keys: for a batch of them in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import identify_hasher, is_password_usable
from django.db.models import Count, Max, Min
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..keys.models import ServiceAccount
from ..mfa import overview
from ..roles.models import Grant
from ..roles.policy import Policy
from ..tokens.models import TokenSession

PASSWORD_CHANGED: Final = ("password_changed_at", "password_changed", "last_password_change")
"""Names under which user models keep when the password was changed; Django's own does not."""


def described(users: Sequence[Any], policy: Policy) -> dict[Any, dict[str, Any]]:
    """By primary key, the columns of the report that are about these users."""
    ids = [user.pk for user in users]
    accounts = {row.user_id: row for row in ServiceAccount.objects.filter(user__in=ids).select_related("owner")}
    factors, sessions, grants = overview.owners(ids), _sessions(ids), _grants(ids)
    found = {}
    for user in users:
        account, own = accounts.get(user.pk), factors[user.pk]
        superuser = bool(getattr(user, "is_superuser", False))
        rights = frozenset(
            (row.role_id, row.scope_id, row.content_type_id is not None) for _via, row in grants[user.pk]
        )
        found[user.pk] = {
            "principal": user.get_username(),
            "principal_id": str(user.pk),
            "kind": "user" if account is None else "service_account",
            "owner": None if account is None or account.owner is None else account.owner.get_username(),
            "active": bool(user.is_active),
            "staff": bool(getattr(user, "is_staff", False)),
            "superuser": superuser,
            "joined_at": getattr(user, "date_joined", None),
            "last_login": getattr(user, "last_login", None),
            "second_factors": own.types,
            "second_factor_count": sum(factor.confirmed for factor in own.factors),
            "recovery_codes": own.recovery_codes,
            **_password(user),
            **sessions.get(user.pk, {"sessions": 0, "session_oldest": None, "session_newest": None}),
            "roles": sorted(policy.held(rights).roles),
            "grants": [_words(via, row) for via, row in grants[user.pk]],
        }
    return found


def _password(user: Any) -> dict[str, Any]:
    """Whether there is one and under which hash, by name. What is no hash that Django can check is named `unknown`, never shown."""
    stored = user.password
    state, algorithm = "none", None
    if stored:
        state = "usable" if is_password_usable(stored) else "unusable"
        if state == "usable":
            try:
                algorithm = str(identify_hasher(stored).algorithm)
            except ValueError:
                algorithm = "unknown"
    changed = next(
        (value for name in PASSWORD_CHANGED if isinstance(value := getattr(user, name, None), datetime)), None
    )
    return {"password": state, "password_algorithm": algorithm, "password_changed_at": changed}


def _sessions(ids: list[Any]) -> dict[Any, dict[str, Any]]:
    """Token sessions that go on, counted."""
    live = TokenSession.objects.filter(user__in=ids, revoked_at=None, expires_at__gt=timezone.now()).order_by()
    rows = live.values("user").annotate(
        sessions=Count("pk"),
        session_oldest=Min("created_at"),
        session_newest=Max(Coalesce("last_used_at", "created_at")),
    )
    return {row.pop("user"): row for row in rows}


def _grants(ids: list[Any]) -> dict[Any, list[tuple[str, Grant]]]:
    """Grants in force, each with the group through which it comes."""
    found: dict[Any, list[tuple[str, Grant]]] = defaultdict(list)
    active = Grant.objects.active().select_related("role", "scope", "content_type", "group").order_by("pk")
    for row in active.filter(user__in=ids):
        found[row.user_id].append(("", row))
    model: Any = get_user_model()
    if not hasattr(model, "groups"):
        return found
    links = model.groups.through._default_manager
    column = model.groups.field.m2m_field_name()
    members: dict[int, list[Any]] = defaultdict(list)
    for user_id, group_id in links.filter(**{f"{column}__in": ids}).values_list(column, "group"):
        members[group_id].append(user_id)
    for row in active.filter(group__in=list(members)):
        for user_id in members[row.group_id or 0]:
            found[user_id].append((f" by group {row.group}", row))
    return found


def _words(via: str, row: Grant) -> str:
    until = f" until {row.ends_at.isoformat()}" if row.ends_at else ""
    on = f" on {row.target}" if row.content_type_id is not None else ""
    return f"{row.right}{on}{until}{via}"
