"""Roles: those that nobody needs, that say the same twice, that give too much, or that no service would have written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...audit.finding import Finding, Severity
from ...audit.many import capped, page_of, shell, some, word
from ...audit.rules import rule
from ...audit.run import Audit
from ...core import scopes as core_scopes
from ..models import Grant
from .facts import Roles, gives_everything, giving_permissions, role_subject, roles


def delete_line(name: str) -> str:
    """The line that deletes a role through the service, with its event."""
    code = (
        "from django_apiaccess.models import Role; from django_apiaccess.events.source import Actor; "
        "from django_apiaccess.roles.service import delete_role; "
        f"delete_role(Role.objects.get(name={name!r}), by=Actor.command('shell'), reason='Nobody holds it')"
    )
    return shell(code)


@rule(
    "roles.unused",
    Severity.LOW,
    title="Roles that nobody holds",
    why="A role that nobody holds is looked after by nobody, and given by mistake one day.",
    fix=delete_line("NAME"),
    references=("ASVS 8.1.1", "INCITS 359"),
)
def unused(audit: Audit) -> Iterator[Finding]:
    all_ = audit.fact(roles)
    given = set(
        Grant.objects.not_ended(audit.now)
        .filter(role__isnull=False)
        .order_by()
        .values_list("role_id", flat=True)
        .distinct()
    )
    held = {name for pk in given if pk in all_.policy.by_role for name in all_.policy.by_role[pk].roles}
    for pk, role in sorted(all_.policy.by_role.items(), key=lambda item: item[1].name):
        if role.name not in held:
            yield audit.found(
                role_subject(pk, role.name), "is held by nobody, directly or by inheritance", fix=delete_line(role.name)
            )


@rule(
    "roles.duplicate",
    Severity.LOW,
    title="Roles that give the same",
    why="What is changed in one is forgotten in the other, and nobody knows which one to give.",
    fix="manage.py export_roles > roles.yaml  # keep one of them, then: manage.py import_roles roles.yaml",
    references=("ASVS 8.1.1", "INCITS 359"),
)
def duplicate(audit: Audit) -> Iterator[Finding]:
    same: dict[tuple[frozenset[str], frozenset[str]], list[int]] = defaultdict(list)
    all_ = audit.fact(roles)
    for pk, role in all_.policy.by_role.items():
        if role.scopes or role.permissions:
            same[role.scopes, role.permissions].append(pk)
    for pks in same.values():
        names = {all_.policy.by_role[pk].name: pk for pk in pks}
        first, *others = sorted(names)
        if others:
            message = f"gives the same as {some(others)}"
            yield audit.found(
                role_subject(names[first], first), message, aspect=" ".join(others), roles=[first, *others][:20]
            )


@rule(
    "roles.too-wide",
    Severity.MEDIUM,
    title="Roles that give more than anybody can name",
    why="A wildcard gives what will be declared next year, too; a role with everything is a superuser that no list shows.",
    fix="manage.py export_roles > roles.yaml  # write out what it needs, then: manage.py import_roles roles.yaml",
    references=("ASVS 8.2.1", "CWE-250", "CWE-269"),
)
def too_wide(audit: Audit) -> Iterator[Finding]:
    all_ = audit.fact(roles)
    for pk, role in sorted(all_.policy.by_role.items(), key=lambda item: item[1].name):
        wild = sorted(name for name in all_.own_scopes.get(pk, ()) if name.endswith(":*"))
        deleting = sorted(
            name for name in all_.own_permissions.get(pk, ()) if name.partition(".")[2].startswith("delete_")
        )
        giving = sorted(all_.own_permissions.get(pk, frozenset()) & giving_permissions())
        subject = role_subject(pk, role.name)
        if giving:
            message = f"lets its holders give rights to others: {some(giving)}"
            yield audit.found(subject, message, severity=Severity.HIGH, aspect="giving", permissions=giving)
        if wild:
            yield audit.found(subject, f"gives {some(wild)}", aspect="wildcard", scopes=wild)
        elif gives_everything(role.scopes) and not _inherits_everything(all_, pk):
            yield audit.found(subject, "gives every declared scope", aspect="everything")
        if deleting:
            message = f"gives permissions to delete beside its scopes: {some(deleting)}"
            yield audit.found(subject, message, severity=Severity.LOW, aspect="delete", permissions=deleting[:20])


def _inherits_everything(all_: Roles, pk: int) -> bool:
    """Whether a parent gives everything already: it is found itself."""
    return any(
        gives_everything(all_.policy.by_role[parent].scopes) for parent in all_.parents.get(pk, ()) if parent != pk
    )


@rule(
    "roles.cycle",
    Severity.HIGH,
    title="Roles that inherit from themselves",
    why="The service refuses it: somebody wrote it into the database. Every role of the circle gives what each of them gives.",
    fix="Take one of the inheritances out in the admin.",
    references=("ASVS 8.2.1", "INCITS 359", "CWE-674"),
)
def cycle(audit: Audit) -> Iterator[Finding]:
    all_ = audit.fact(roles)
    seen: set[int] = set()
    for start in sorted(all_.parents):
        if start in seen:
            continue
        circle = _circle(all_.parents, start)
        seen |= circle
        if circle:
            names = sorted(all_.policy.by_role[pk].name for pk in circle)
            first = next(pk for pk in circle if all_.policy.by_role[pk].name == names[0])
            parent = next(pk for pk in all_.parents[first] if pk in circle)
            fix = (
                f'manage.py shell -c "from django_apiaccess.models import Role; Role.objects.get(pk={first}).parents.remove({parent}); '
                "from django_apiaccess.roles.generations import bump; bump('policy')\""
            )
            yield audit.found(
                role_subject(first, names[0]), f"is in a circle: {some(names)}", fix=fix, roles=names[:20]
            )


def _circle(parents: dict[int, frozenset[int]], start: int) -> set[int]:
    """The roles that `start` inherits from and that inherit from it; empty when it is in no circle."""

    def above(pk: int) -> set[int]:
        found: set[int] = set()
        queue = list(parents.get(pk, ()))
        while queue:
            role = queue.pop()
            if role not in found:
                found.add(role)
                queue.extend(parents.get(role, ()))
        return found

    line = above(start)
    return {pk for pk in line if start in above(pk)} if start in line else set()


@rule(
    "roles.unknown-scope",
    Severity.LOW,
    title="Scopes of roles and grants that no code declares any more",
    why="They open nothing today, and everything that a later scope of the same name will mean.",
    fix="manage.py sync_scopes --prune",
    references=("ASVS 8.1.1",),
)
def unknown_scope(audit: Audit) -> Iterator[Finding]:
    all_, registry = audit.fact(roles), core_scopes.registry
    for pk, names in sorted(all_.own_scopes.items()):
        unknown = sorted(name for name in names if not registry.knows(name))
        if unknown:
            role = all_.policy.by_role[pk].name
            yield audit.found(
                role_subject(pk, role), f"gives {some(unknown)}, which nobody declares", scopes=unknown[:20]
            )


@rule(
    "roles.separation-conflict",
    Severity.HIGH,
    title="People who hold roles that exclude each other",
    why="The service refuses it: it came by raw SQL, a fixture, a group, or the separation was declared later. One person can do "
    "both halves of what two should do.",
    fix="manage.py ungrant --user U --role ROLE",
    references=("ASVS 8.1.1", "INCITS 359", "NIST SP 800-53 AC-5"),
)
def separation_conflict(audit: Audit) -> Iterator[Finding]:
    from django.contrib.auth import get_user_model

    from ...audit.finding import Subject
    from ..separation import violations

    model = get_user_model()
    found = list(violations())
    names = dict(model._default_manager.values_list("pk", model.USERNAME_FIELD)) if found else {}

    def findings() -> Iterator[Finding]:
        for one in found:
            name = str(names.get(one.user_id, one.user_id))
            message = f"holds {' and '.join(one.roles)}, of which {one.separation!r} allows {one.at_most}"
            fix = f"manage.py ungrant --user {word(name)} --role {word(one.roles[0])}"
            subject = Subject("user", str(one.user_id), name, page_of(model, one.user_id))
            yield audit.found(subject, message, fix=fix, aspect=one.separation, roles=list(one.roles))

    yield from capped(audit, findings(), "user")
