"""Roles and separations of duty as YAML, for review in git: the file, and the difference that it makes.

Names only: nothing in it depends on a database's numbers. Who *holds* a role is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from django.db import transaction

from ..core import scopes as core_scopes
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange
from . import delegation, names, separation, service
from .document import Document, RoleEntry, SeparationEntry
from .generations import bump
from .models import Generation, Role, SeparationOfDuty

HEADER: Final = (
    "# Roles: what they give and inherit. Written by `manage.py export_roles`, read by `manage.py import_roles`.\n"
)
LISTS: Final = ("inherits", "scopes", "permissions")


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does to one role or separation: `created`, `changed`, `unchanged`, `deleted` or `left alone`."""

    kind: str
    name: str
    what: str
    details: Mapping[str, Any] = field(default_factory=dict)


def export_roles() -> str:
    """All roles and separations as YAML. The same content is always the same text."""
    roles = {role.name: _tidy(service.snapshot(role)) for role in Role.objects.order_by("name")}
    content: dict[str, Any] = {"version": 1, "roles": roles}
    separations = {row.name: _tidy(_separation(row)) for row in SeparationOfDuty.objects.order_by("name")}
    if separations:
        content["separations"] = separations
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _tidy(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value not in ("", [])}


def _separation(row: SeparationOfDuty) -> dict[str, Any]:
    return {"roles": sorted(row.roles.values_list("name", flat=True)), "at_most": row.at_most, "reason": row.reason}


@transaction.atomic
def import_roles(document: Document, *, by: Actor, prune: bool = False, dry_run: bool = False) -> list[Change]:
    """Make the roles as the document says, all or nothing; with `prune` delete those that it does not name.

    First what roles lose, then what they gain: so no circle and no conflict of duties is seen that only an intermediate state would
    have. A dry run does the same and rolls it back, so that it finds the same errors. Raises what `service.save_role` raises.
    """
    _check(document, prune=prune)
    bump(Generation.POLICY)
    bump(Generation.CREDENTIALS)
    roles: dict[str, Role] = {}
    before: dict[str, dict[str, Any] | None] = {}
    for entry in document.roles:
        found = Role.objects.filter(name=entry.name).first()
        before[entry.name] = None if found is None else service.snapshot(found)
        roles[entry.name] = found or Role.objects.create(name=entry.name)
    pending = _changed_separations(document.separations)
    for separation_row, _entry in pending:
        if separation_row is not None:
            separation_row.roles.clear()
    changes = _prune(document, by) if prune else _left_alone(document)
    for entry in document.roles:
        roles[entry.name].parents.remove(*roles[entry.name].parents.exclude(name__in=entry.inherits))
    for entry in document.roles:
        _fill(roles[entry.name], entry)
    changes = [_announce(roles[entry.name], before[entry.name], by) for entry in document.roles] + changes
    changes += _save_separations(document.separations, pending, by)
    if dry_run:
        transaction.set_rollback(True)
    return changes


def _check(document: Document, *, prune: bool) -> None:
    """Every name in the document, before anything is done; the first unknown one with its line and the nearest that exists."""
    listed = {entry.name for entry in document.roles}
    known = listed if prune else listed | set(Role.objects.values_list("name", flat=True))
    for entry in document.roles:
        for scope in entry.scopes:
            complaint = core_scopes.registry.complaint(scope)
            if complaint:
                raise document.error(entry.line_of(scope), f"role {entry.name!r}: {complaint}")
        for permission in entry.permissions:
            try:
                names.permission(permission)
            except InvalidChange as error:
                raise document.error(entry.line_of(permission), f"role {entry.name!r}: {error}") from None
        _check_roles(document, entry, entry.inherits, known)
    for separation_entry in document.separations:
        _check_roles(document, separation_entry, separation_entry.roles, known)


def _check_roles(document: Document, entry: RoleEntry | SeparationEntry, roles: Iterable[str], known: set[str]) -> None:
    for name in roles:
        if name not in known:
            hint = names.nearest(name, known)
            raise document.error(
                entry.line_of(name), f"{entry.name!r} names the role {name!r}, which does not exist.{hint}"
            )


def _fill(role: Role, entry: RoleEntry) -> None:
    if role.description != entry.description:
        role.description = entry.description
        role.save(update_fields=["description"])
    role.scopes.set([names.scope_row(scope) for scope in entry.scopes])
    role.permissions.set([names.permission(permission) for permission in entry.permissions])
    role.parents.add(*Role.objects.filter(name__in=entry.inherits))


def _announce(role: Role, before: dict[str, Any] | None, by: Actor) -> Change:
    after = service.snapshot(role)
    if after == before:
        return Change("role", role.name, "unchanged")
    delegation.check_role(by, service.rights_of_role(role), field="scopes", holds=False)
    if before is None:
        changed(Action.ROLE_CREATED, role, by=by, after=after)
        return Change("role", role.name, "created", _difference({}, after))
    changed(Action.ROLE_CHANGED, role, by=by, before=before, after=after)
    return Change("role", role.name, "changed", _difference(before, after))


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Field to what it gains and loses: `+x -y` for lists, the new value for the rest."""
    found: dict[str, Any] = {}
    for name, new in after.items():
        if isinstance(new, list):
            old = before.get(name, [])
            moved = [f"+{item}" for item in new if item not in old] + [f"-{item}" for item in old if item not in new]
            if moved:
                found[name] = moved
        elif new != before.get(name, ""):
            found[name] = new
    return found


def _others(document: Document) -> Any:
    return Role.objects.exclude(name__in=[entry.name for entry in document.roles]).order_by("name")


def _left_alone(document: Document) -> list[Change]:
    return [Change("role", role.name, "left alone") for role in _others(document)]


def _prune(document: Document, by: Actor) -> list[Change]:
    changes = []
    for role in _others(document):
        changes.append(Change("role", role.name, "deleted", {"grants lost": role.grants.count()}))
        service.delete_role(role, by=by, reason="Not in the imported file")
    return changes


Pending = list[tuple[SeparationOfDuty | None, SeparationEntry]]


def _changed_separations(entries: Iterable[SeparationEntry]) -> Pending:
    pending: Pending = []
    for entry in entries:
        row = SeparationOfDuty.objects.filter(name=entry.name).first()
        if row is None or _separation(row) != entry.content:
            pending.append((row, entry))
    return pending


def _save_separations(entries: Iterable[SeparationEntry], pending: Pending, by: Actor) -> list[Change]:
    written = {entry.name: "created" if row is None else "changed" for row, entry in pending}
    changes = []
    for entry in entries:
        if entry.name in written:
            service.save_separation(
                name=entry.name, roles=entry.roles, at_most=entry.at_most, reason=entry.reason, by=by
            )
        changes.append(Change("separation", entry.name, written.get(entry.name, "unchanged")))
    if entries:
        separation.check()
    return changes
