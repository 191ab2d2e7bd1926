"""Rules about rows: each row a finding, the newest first, and no more of them than anybody reads."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, Q
from django.urls import NoReverseMatch, reverse

from .finding import Finding, Subject
from .run import Audit

MOST: Final = 1000
"""Findings of one rule that are told one by one; what is beyond becomes one more. A report with a hundred thousand helps nobody."""


def each(audit: Audit, rows: Any, kind: str, make: Callable[[Any], Finding]) -> Iterator[Finding]:
    """A finding for each row of a queryset: one statement, and one more where there are too many."""
    newest = list(rows.order_by("-pk")[: MOST + 1])
    yield from map(make, newest[:MOST])
    if len(newest) > MOST:
        yield further(audit, kind, rows.order_by().count() - MOST)


def capped(audit: Audit, found: Iterable[Finding], kind: str) -> Iterator[Finding]:
    """The findings, up to `MOST`; the rest is counted and dropped."""
    findings = iter(found)
    yield from islice(findings, MOST)
    rest = sum(1 for _finding in findings)
    if rest:
        yield further(audit, kind, rest)


def further(audit: Audit, kind: str, count: int) -> Finding:
    """The finding that stands for those that are not told one by one."""
    return audit.found(Subject(kind, "*", f"{count} more"), "the same as those above", aspect="more", count=count)


def page_of(model: type[Model], pk: Any) -> str:
    """Address of the row's page in the admin; empty where it has none."""
    meta = model._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])
    except NoReverseMatch:
        return ""


def has_field(name: str) -> bool:
    """Whether the project's user model has a column of that name."""
    try:
        return bool(get_user_model()._meta.get_field(name))
    except FieldDoesNotExist:
        return False


def is_active(relation: str, *, value: bool = True) -> Q:
    """That the user at the end of `relation` is active, or is not. Where the user model has no such column everybody is."""
    if has_field("is_active"):
        return Q(**{f"{relation}__is_active": value})
    return Q() if value else Q(pk__in=[])


def word(text: Any) -> str:
    """A name as one word of a command line."""
    return shlex.quote(str(text))


def shell(code: str) -> str:
    """The line that runs some Python in the project: in double quotes where the code has nothing that a shell would read in them."""
    quoted = shlex.quote(code) if set('"$`\\!') & set(code) else f'"{code}"'
    return f"manage.py shell -c {quoted}"


def number(count: int, one: str, several: str) -> str:
    """`1 token`, `2 tokens`."""
    return f"{count:,} {one if count == 1 else several}"


def some(names: Iterable[Any], most: int = 5) -> str:
    """`a, b, c and 7 more`."""
    listed = [str(name) for name in names]
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")
