"""Grants: without a reason or past it, given by somebody who left, to somebody who left, powerful and for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any, Final

from django.db.models import Q

from ...audit.finding import Finding, Severity, Subject
from ...audit.many import capped, each, is_active, page_of, word
from ...audit.rules import rule
from ...audit.run import Audit
from ...core import scopes as core_scopes
from ...events.models import Event
from ...events.tags import Action
from ..models import Grant
from .facts import power, roles

DAY: Final = r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})"
ENDS: Final = re.compile(
    rf"\b(?:until|till|til|up to|ends?|expires?|to|through|bis)\b\W{{0,3}}(?:on )?{DAY}\b", re.IGNORECASE
)
"""An end that somebody wrote into a reason, where no program reads it."""


def in_force(audit: Audit) -> Any:
    """Grants that give something now, with what a subject needs."""
    return Grant.objects.active(audit.now).select_related("user", "group", "role", "scope", "content_type")


def grant_subject(grant: Any) -> Subject:
    """A grant, by its id."""
    return Subject("grant", str(grant.pk), str(grant), page_of(Grant, grant.pk))


def ungrant(grant: Any, reason: str) -> str:
    """The line that takes it back."""
    who = (
        f"--user {word(grant.user.get_username())}"
        if grant.user_id is not None
        else f"--group {word(grant.group.name)}"
    )
    what = f"--role {word(grant.role.name)}" if grant.role_id is not None else f"--scope {word(grant.scope.name)}"
    kind = grant.content_type
    on = ""
    if kind is not None:
        model = kind.model_class()
        on = f" --on {word(f'{model._meta.label if model else kind.model}:{grant.object_id}')}"
    return f'manage.py ungrant {who} {what}{on} --reason "{reason}"'


@rule(
    "grants.no-reason",
    Severity.LOW,
    title="Grants without a reason",
    why="In a year nobody can say whether the right is still needed, so it stays.",
    fix='manage.py grant --user U --role ROLE --reason "Why"',
    references=("ASVS 8.1.1", "NIST SP 800-53 AC-6"),
)
def no_reason(audit: Audit) -> Iterator[Finding]:
    def finding(grant: Any) -> Finding:
        fix = f"{ungrant(grant, 'No reason was given')}  # and give it again with one"
        return audit.found(grant_subject(grant), "has no reason", fix=fix)

    yield from each(audit, in_force(audit).filter(reason=""), "grant", finding)


@rule(
    "grants.past-reason",
    Severity.MEDIUM,
    title="Grants whose reason names an end that has passed",
    why="Somebody meant the right to end and wrote it where no program reads it.",
    fix='manage.py ungrant --user U --role ROLE --reason "It was for a time"',
    references=("ASVS 8.2.4", "NIST SP 800-53 AC-2"),
)
def past_reason(audit: Audit) -> Iterator[Finding]:
    today = audit.now.date()

    def findings() -> Iterator[Finding]:
        rows = in_force(audit).filter(ends_at=None, reason__regex="[0-9]{4}").order_by("-pk")
        for grant in rows.iterator(chunk_size=1000):
            named = [day for text in ENDS.findall(grant.reason) if (day := _day(text)) is not None]
            if named and max(named) < today:
                message = f"is in force without an end, and was given {grant.reason!r}"
                yield audit.found(grant_subject(grant), message, fix=ungrant(grant, "It was for a time"))

    yield from capped(audit, findings(), "grant")


def _day(text: str) -> date | None:
    """The day, as 2027-01-31, 31.1.2027 or 1/31/2027. Of two that it may be, the later one; None for what is none."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", text)]
    year, *others = numbers if numbers[0] > 31 else (numbers[2], numbers[1], numbers[0])
    ways = [others] if numbers[0] > 31 else [others, others[::-1]]
    days = []
    for month, day in ways:
        with suppress(ValueError):
            days.append(date(year, month, day))
    return max(days, default=None)


@rule(
    "grants.giver-gone",
    Severity.LOW,
    title="Grants given by somebody who left",
    why="Nobody who is still there has said that the right is needed.",
    fix='manage.py ungrant --user U --role ROLE --reason "Nobody vouches for it"',
    references=("ASVS 8.1.1", "NIST SP 800-53 AC-6"),
)
def giver_gone(audit: Audit) -> Iterator[Finding]:
    def inactive(grant: Any) -> Finding:
        message = f"was given by {grant.given_by.get_username()}, who is not active"
        return audit.found(grant_subject(grant), message, fix=ungrant(grant, "Nobody vouches for it"))

    left = in_force(audit).select_related("user", "group", "role", "scope", "content_type", "given_by")
    yield from each(audit, left.filter(is_active("given_by", value=False)), "grant", inactive)
    given = Event.objects.filter(action=Action.GRANT_GIVEN, actor_kind="user", target_kind="grant").order_by()
    by_people = {int(text) for text in given.values_list("target_id", flat=True).iterator() if text.isdecimal()}

    def findings() -> Iterator[Finding]:
        for grant in in_force(audit).filter(given_by=None).order_by("-pk").iterator(chunk_size=1000):
            if grant.pk in by_people:
                fix = ungrant(grant, "Nobody vouches for it")
                yield audit.found(grant_subject(grant), "was given by somebody whose account is deleted", fix=fix)

    if by_people:
        yield from capped(audit, findings(), "grant")


@rule(
    "grants.inactive-holder",
    Severity.LOW,
    title="Grants to people and accounts that are not active",
    why="They give nothing now, and everything on the day when somebody activates the account for another reason.",
    fix='manage.py ungrant --user U --role ROLE --reason "Left"',
    references=("ASVS 7.4.2", "NIST SP 800-53 AC-2"),
)
def inactive_holder(audit: Audit) -> Iterator[Finding]:
    def finding(grant: Any) -> Finding:
        return audit.found(grant_subject(grant), "its holder is not active", fix=ungrant(grant, "Left"))

    yield from each(audit, in_force(audit).filter(is_active("user", value=False)), "grant", finding)


@rule(
    "grants.powerful-for-ever",
    Severity.MEDIUM,
    title="Powerful roles and wildcards that are given for ever",
    why="A right to do everything, or to give rights, is needed for a task. Given for a time, it goes when the task is done.",
    fix="manage.py grant --user U --role ROLE --until 30d --reason TEXT",
    references=("ASVS 8.2.4", "NIST SP 800-53 AC-6", "CWE-250"),
)
def powerful_for_ever(audit: Audit) -> Iterator[Finding]:
    all_ = audit.fact(roles)
    why = {pk: reason for pk in all_.policy.by_role if (reason := power(all_, pk))}
    found = Q(role__in=list(why)) | Q(scope__name__endswith=":*")

    def finding(grant: Any) -> Finding:
        reason = why[grant.role_id] if grant.role_id is not None else f"gives all of {grant.scope.name[:-2]}"
        fix = f"{ungrant(grant, 'For a time only')}  # and give it again --until 30d"
        return audit.found(grant_subject(grant), f"has no end; it {reason}", fix=fix)

    yield from each(audit, in_force(audit).filter(found, ends_at=None, content_type=None), "grant", finding)


@rule(
    "grants.unknown-scope",
    Severity.LOW,
    title="Grants of scopes that no code declares any more",
    why="They open nothing today, and everything that a later scope of the same name will mean.",
    fix="manage.py sync_scopes --prune",
    references=("ASVS 8.1.1",),
)
def unknown_scope(audit: Audit) -> Iterator[Finding]:
    registry = core_scopes.registry
    names = (
        Grant.objects.not_ended(audit.now).filter(scope__isnull=False).order_by().values_list("scope__name", flat=True)
    )
    unknown = [name for name in names.distinct() if not registry.knows(name)]

    def finding(grant: Any) -> Finding:
        return audit.found(grant_subject(grant), f"nobody declares {grant.scope.name}")

    if unknown:
        yield from each(audit, in_force(audit).filter(scope__name__in=unknown), "grant", finding)


@rule(
    "grants.empty-group",
    Severity.LOW,
    title="Grants to groups without members",
    why="Whoever is put into the group for another reason gets the right, and nobody who does it sees that.",
    fix='manage.py ungrant --group G --role ROLE --reason "Nobody is in the group"',
    references=("ASVS 8.1.1",),
)
def empty_group(audit: Audit) -> Iterator[Finding]:
    from django.contrib.auth import get_user_model

    model = get_user_model()
    if not hasattr(model, "groups"):
        return
    member = model._meta.get_field("groups").related_query_name()

    def finding(grant: Any) -> Finding:
        return audit.found(grant_subject(grant), "nobody is in the group", fix=ungrant(grant, "Nobody is in the group"))

    empty = in_force(audit).filter(group__isnull=False).filter(**{f"group__{member}": None})
    yield from each(audit, empty, "grant", finding)
