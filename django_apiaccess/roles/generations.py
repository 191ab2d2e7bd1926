"""Telling every process that roles or credentials changed."""

from __future__ import annotations

import secrets

from django.db import router, transaction

from .models import Generation
from .shared import shared_facts


def bump(name: str, *, sessions: bool = True) -> None:
    """Give the generation `name` a new value, as part of the current transaction.

    `sessions`: whether any token session may be concerned, so that the shared cache is told (`STATELESS_SECONDS`); False where the caller
    tells it of single ones, or of none.

    The update also locks the row until commit, so that changes of the same kind happen one after the other: that is how
    "nobody holds two exclusive roles" stays true when two administrators grant at once.
    """
    using = router.db_for_write(Generation)
    value = secrets.randbits(62)
    if not Generation.objects.using(using).filter(name=name).update(value=value):
        with transaction.atomic(using=using):
            Generation.objects.using(using).update_or_create(name=name, defaults={"value": value})
    if sessions and not shared_facts.all_change(name, using):
        fault()


def fault() -> None:
    """Say, in the database, that the shared cache could not be told of a change: facts from before are not believed any more."""
    bump(Generation.SHARED_CACHE, sessions=False)


def lock(name: str) -> None:
    """Wait for changes of this kind that are under way, and let others wait, until commit; for what may turn out to change nothing.

    On SQLite nothing is locked before the first write, which fails where somebody else wrote since the transaction began.
    """
    using = router.db_for_write(Generation)
    Generation.objects.using(using).select_for_update().filter(name=name).first()


def current(name: str) -> int | None:
    """The value now; None before anything ever changed."""
    using = router.db_for_write(Generation)
    return Generation.objects.using(using).filter(name=name).values_list("value", flat=True).first()
