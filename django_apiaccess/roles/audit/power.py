"""Superusers: whom nothing narrows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model

from ...audit.finding import Finding, Severity, Subject
from ...audit.many import has_field, some
from ...audit.rules import rule
from ...audit.run import Audit

ENOUGH: Final = 3
"""Superusers that a project needs: somebody must be there when one is on holiday."""


@rule(
    "roles.superusers",
    Severity.MEDIUM,
    title="Many superusers",
    why="A superuser holds every right, past and future; no role, separation of duty or review narrows it. Roles can give what they need.",
    fix="manage.py grant --user U --role ROLE --reason TEXT  # then take is_superuser away",
    references=("ASVS 8.2.1", "NIST SP 800-53 AC-6", "CWE-250"),
)
def superusers(audit: Audit) -> Iterator[Finding]:
    model: Any = get_user_model()
    if not (has_field("is_superuser") and has_field("is_active")):
        return
    found = model._default_manager.filter(is_superuser=True, is_active=True).order_by("pk")
    count = found.count()
    if count > ENOUGH:
        names = list(found.values_list(model.USERNAME_FIELD, flat=True)[:20])
        message = f"{count} active superusers: {some(names)}; {ENOUGH} are enough"
        yield audit.found(Subject("user", "superusers", "superusers"), message, count=count, names=names)
