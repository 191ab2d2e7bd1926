"""Declared scopes into the database, after every migrate and by command."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from ..core import scopes as core_scopes
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from .generations import bump
from .models import Generation, Scope


@dataclass(frozen=True, slots=True)
class Difference:
    """What the database lacks, describes otherwise, or has beyond the declarations."""

    missing: tuple[str, ...]
    outdated: tuple[str, ...]
    undeclared: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.outdated or self.undeclared)


def wanted() -> dict[str, str]:
    """Name to description of every row that should exist: the declared scopes and a wildcard for each resource."""
    registry = core_scopes.registry
    rows = {scope.name: scope.description[:255] for scope in registry}
    rows.update({f"{resource}:*": f"Everything on {resource}, now and later" for resource in registry.resources()})
    return rows


def difference(using: str | None = None) -> Difference:
    """Compare the declarations with the database."""
    rows = wanted()
    stored = dict(Scope.objects.using(using).values_list("name", "description"))
    return Difference(
        missing=tuple(sorted(rows.keys() - stored.keys())),
        outdated=tuple(sorted(name for name in rows.keys() & stored.keys() if rows[name] != stored[name])),
        undeclared=tuple(sorted(stored.keys() - rows.keys())),
    )


def sync_scopes(*, by: Actor, prune: bool = False, using: str | None = None) -> Difference:
    """Create and update the rows; with `prune` delete the undeclared ones, with their grants and their places in roles."""
    found = difference(using)
    if not (found.missing or found.outdated or (prune and found.undeclared)):
        return found
    rows = wanted()
    with transaction.atomic(using=using):
        Scope.objects.using(using).bulk_create(
            [Scope(name=name, description=rows[name]) for name in found.missing], ignore_conflicts=True
        )
        for name in found.outdated:
            Scope.objects.using(using).filter(name=name).update(description=rows[name])
        if prune:
            Scope.objects.using(using).filter(name__in=found.undeclared).delete()
        bump(Generation.POLICY)
        changed(
            Action.SCOPES_SYNCED,
            None,
            by=by,
            label="scopes",
            added=list(found.missing),
            updated=list(found.outdated),
            pruned=list(found.undeclared) if prune else [],
        )
    return found
