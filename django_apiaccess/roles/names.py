"""From names that people type to rows, with an error that names the nearest when there is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import models

from ..core import scopes as core_scopes
from ..exceptions import UnknownName
from .models import Role, Scope


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""


def is_text(name: str) -> bool:
    """Whether a database could hold the text: no NUL, and no half of a surrogate pair (a byte of a command line that is no UTF-8)."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name)


def scope_names(names: Iterable[str], *, field: str = "scope") -> frozenset[str]:
    """The names, each a declared scope or the wildcard of a declared resource. Raises `UnknownName`."""
    wanted = frozenset(names)
    for name in sorted(wanted):
        complaint = core_scopes.registry.complaint(name)
        if complaint:
            raise UnknownName(complaint, field=field)
    return wanted


def scope_row(name: str) -> Scope:
    """The row of a declared scope or wildcard; it is made when `sync_scopes` has not run yet. Raises `UnknownName`."""
    scope_names([name])
    declared = core_scopes.registry.get(name)
    description = declared.description if declared else f"Everything on {name[:-2]}"
    return Scope.objects.get_or_create(name=name, defaults={"description": description[:255]})[0]


def role(name: str, *, field: str = "role") -> Role:
    """The role of that name. Raises `UnknownName`."""
    found = Role.objects.filter(name=name).first() if is_text(name) else None
    if found is None:
        known = list(Role.objects.values_list("name", flat=True))
        hint = nearest(name, known) or (
            f" Roles: {', '.join(map(repr, known))}." if known else " There are no roles yet."
        )
        raise UnknownName(f"Unknown role {name!r}.{hint}", field=field)
    return found


def user(name: str, *, field: str = "user") -> Any:
    """The user with that user name. Raises `UnknownName`."""
    model = get_user_model()
    column = model.USERNAME_FIELD
    found = model._default_manager.filter(**{column: name}).first() if is_text(name) else None
    if found is None:
        raise UnknownName(f"Unknown user {name!r}.{_nearest_row(model, column, name)}", field=field)
    return found


def group(name: str, *, field: str = "group") -> Group:
    """The group of that name. Raises `UnknownName`."""
    found = Group.objects.filter(name=name).first() if is_text(name) else None
    if found is None:
        raise UnknownName(f"Unknown group {name!r}.{_nearest_row(Group, 'name', name)}", field=field)
    return found


def permission(name: str, *, field: str = "permissions") -> Permission:
    """The Django permission `app.codename`. Raises `UnknownName`."""
    app_label, _, codename = name.partition(".")
    found = Permission.objects.filter(content_type__app_label=app_label, codename=codename).first()
    if found is None:
        known = (
            f"{label}.{code}" for label, code in Permission.objects.values_list("content_type__app_label", "codename")
        )
        raise UnknownName(f"Unknown permission {name!r}.{nearest(name, known)}", field=field)
    return found


def _nearest_row(model: type[models.Model], column: str, name: str) -> str:
    """The nearest name among those that begin alike, so that a table of millions is not read for an error message."""
    if not is_text(name[:1]):
        return ""
    rows = model._default_manager.filter(**{f"{column}__istartswith": name[:1]}).values_list(column, flat=True)[:1000]
    return nearest(name, [str(row) for row in rows])
