"""The audit's rules about roles and grants: each finds its planted weakness, and that alone."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from django_apiaccess.audit.finding import Severity
from django_apiaccess.events.source import Actor
from django_apiaccess.models import Grant, Role, Scope, SeparationOfDuty
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.audit import facts
from tests.planting import BY, DAY, Plant, ago, audited, changed, clean_world, cost, many_scopes, person, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    return clean_world()


def unused(world, settings):
    return roles.save_role(name="forgotten", scopes=["reports:read"], by=BY).name


def duplicate(world, settings):
    roles.save_role(name="author", scopes=["docs:write"], parents=["reader"], by=BY)
    return "author"


def wildcard(world, settings):
    roles.save_role(name="archivist", scopes=["docs:*"], by=BY)
    return "archivist"


def cycle(world, settings):
    Role.parents.through.objects.create(from_role=world.reader, to_role=world.editor)
    return "editor"


def scope_of_a_role_that_is_gone(world, settings):
    world.reader.scopes.add(Scope.objects.create(name="gone:read"))
    return "reader"


def conflict(world, settings):
    separation = SeparationOfDuty.objects.create(name="two hands", at_most=1)
    separation.roles.set([world.reader, roles.save_role(name="payer", scopes=["reports:read"], by=BY)])
    Grant.objects.create(user=world.ann, role=Role.objects.get(name="payer"), reason="by SQL")
    return str(world.ann.pk)


def superusers(world, settings):
    for name in ("a1", "b1", "c1"):
        person(name, is_superuser=True, is_staff=True)
    return "superusers"


def given(world, **fields):
    fields.setdefault("reason", "A task")
    return str(roles.grant(**{"by": BY, "scope": "docs:read", "user": world.bob, **fields}).pk)


def no_reason(world, settings):
    return given(world, reason="")


def past_reason(world, settings):
    return given(world, reason="Stands in for ann until 2026-01-31")


def giver_inactive(world, settings):
    left = person("left", is_superuser=True)
    pk = given(world, by=Actor.of_user(left))
    changed(left, is_active=False)
    return pk


def inactive_holder(world, settings):
    left = person("left")
    pk = given(world, user=left)
    changed(left, is_active=False)
    return pk


def powerful(world, settings):
    return given(world, scope="docs:*")


def grant_of_a_scope_that_is_gone(world, settings):
    scope = Scope.objects.create(name="gone:read")
    return str(Grant.objects.create(user=world.bob, scope=scope, reason="A task").pk)


def empty_group(world, settings):
    return given(world, user=None, group=Group.objects.create(name="nobody here"))


PLANTED: dict[str, Plant] = {
    "roles.unused": unused,
    "roles.duplicate": duplicate,
    "roles.too-wide": wildcard,
    "roles.cycle": cycle,
    "roles.unknown-scope": scope_of_a_role_that_is_gone,
    "roles.separation-conflict": conflict,
    "roles.superusers": superusers,
    "grants.no-reason": no_reason,
    "grants.past-reason": past_reason,
    "grants.giver-gone": giver_inactive,
    "grants.inactive-holder": inactive_holder,
    "grants.powerful-for-ever": powerful,
    "grants.unknown-scope": grant_of_a_scope_that_is_gone,
    "grants.empty-group": empty_group,
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    assert subjects(rule) == set()
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)


@pytest.mark.parametrize("rule", [rule for rule in PLANTED if rule.startswith("grants.")])
def test_a_grant_that_ended_is_nobodys_concern(rule, world, settings):
    expected = PLANTED[rule](world, settings)
    Grant.objects.filter(pk=expected).update(starts_at=ago(9), ends_at=ago(1))
    assert expected not in subjects(rule)


class TestRolesThatAreTooWide:
    def test_with_all_that_is_declared(self, world):
        with many_scopes() as all_of_them:
            Scope.objects.bulk_create(Scope(name=name) for name in all_of_them if name.startswith("shelves:"))
            roles.save_role(name="all", scopes=all_of_them, by=BY)
            assert subjects("roles.too-wide") == {"all"}

    def test_in_a_project_with_few_scopes_somebody_has_all_of_them(self, world):
        roles.save_role(name="all", scopes=["docs:write", "docs:delete", "reports:read"], by=BY)
        assert subjects("roles.too-wide") == set()

    def test_with_rights_to_give_rights(self, world):
        roles.save_role(name="hr", permissions=["auth.change_user"], by=BY)
        [finding] = audited("roles.too-wide")
        assert (finding.subject.id, finding.severity) == ("hr", Severity.HIGH)

    def test_with_permissions_to_delete_beside_its_scopes(self, world):
        world.editor.permissions.add(Permission.objects.get(codename="delete_document"))
        [finding] = audited("roles.too-wide")
        assert (finding.subject.id, finding.severity) == ("editor", Severity.LOW)

    def test_the_role_that_inherits_a_wildcard_is_powerful_and_the_one_that_has_it_is_found(self, world):
        wildcard(world, None)
        roles.save_role(name="chief", parents=["archivist"], by=BY)
        assert subjects("roles.too-wide") == {"archivist"}
        pk = given(world, scope=None, role="chief")
        assert subjects("grants.powerful-for-ever") == {pk}


def test_what_the_app_declares_itself_is_known_to_the_rules_about_scopes():
    """A scope of ours that is missing there would be counted as the project's own."""
    ours = [Path(app.path, "scopes.py") for app in apps.get_app_configs() if app.name.startswith("django_apiaccess")]
    texts = [path.read_text() for path in ours if path.exists()]
    assert set(re.findall(r'"([a-z]+:[a-z]+)"', "".join(texts))) == facts.OURS


class TestWhatIsNotFound:
    def test_a_role_that_is_held_through_another_or_a_group(self, world):
        group = Group.objects.create(name="staff")
        roles.save_role(name="helper", scopes=["reports:read"], by=BY)
        given(world, user=None, group=group, scope=None, role="helper")
        assert subjects("roles.unused") == set()

    def test_a_powerful_grant_with_an_end_or_on_one_object(self, world):
        from tests.testapp.models import Document

        given(world, scope="docs:*", ends_at=ago(-5))
        given(world, user=world.ann, scope="docs:*", on=Document.objects.create(title="one"))
        assert subjects("grants.powerful-for-ever") == set()

    @pytest.mark.parametrize(
        "reason",
        [
            "Ticket 2026-01-31",
            "until 2999-12-31",
            "until further notice",
            "until 2026-13-45",
            "to-do",
            "until 31.12.2999",
            "v2 to v3",
        ],
    )
    def test_a_reason_that_names_no_end_that_passed(self, world, reason):
        given(world, reason=reason)
        assert subjects("grants.past-reason") == set()

    def test_a_grant_that_the_operator_gave(self, world):
        given(world)
        assert subjects("grants.giver-gone") == set()

    def test_roles_that_give_nothing(self, world):
        for name in ("mark-one", "mark-two"):
            roles.save_role(name=name, by=BY)
        assert subjects("roles.duplicate") == set()


@pytest.mark.parametrize(
    "reason",
    [
        "until 2026-01-31",
        "Ends 31.01.2026",
        "till 1/31/2026",
        "up to: 2026-1-5",
        "expires on 03.02.2026",
        "to 2025-12-31!",
    ],
)
def test_ends_are_read_as_people_write_them(world, reason):
    pk = given(world, reason=f"Stands in for ann {reason}")
    assert subjects("grants.past-reason") == {pk}


def test_a_grant_by_somebody_whose_account_is_deleted_is_found(world):
    left = person("left", is_superuser=True)
    pk = given(world, by=Actor.of_user(left))
    left.delete()
    assert subjects("grants.giver-gone") == {pk}


def test_a_circle_of_three_is_found_once_and_its_fix_ends_it(world):
    """The line is taken at its word."""
    third = roles.save_role(name="third", scopes=["docs:read"], parents=["editor"], by=BY)
    Role.parents.through.objects.create(from_role=world.reader, to_role=third)
    [finding] = audited("roles.cycle")
    assert finding.evidence["roles"] == ["editor", "reader", "third"]
    exec(shlex.split(finding.fix)[-1], {})
    assert audited("roles.cycle") == []


def test_a_role_in_itself_is_a_circle(world):
    Role.parents.through.objects.create(from_role=world.reader, to_role=world.reader)
    assert subjects("roles.cycle") == {"reader"}


def test_the_fix_of_an_unused_role_deletes_it_with_its_event(world):
    from django_apiaccess.models import Event

    roles.save_role(name="it's forgotten", scopes=["docs:read"], by=BY)
    [finding] = audited("roles.unused")
    exec(shlex.split(finding.fix)[-1], {})
    assert not Role.objects.filter(name="it's forgotten").exists()
    assert Event.objects.filter(action="role.deleted").exists()


def test_the_fix_of_a_grant_takes_it_back(world, settings):
    from django.core.management import call_command

    powerful(world, settings)
    [finding] = audited("grants.powerful-for-ever")
    words = shlex.split(finding.fix, comments=True)
    call_command(*words[1:], verbosity=0, stdout=io.StringIO())
    assert audited("grants.powerful-for-ever") == []


def test_the_number_of_statements_does_not_grow_with_grants_and_roles(world):
    def more(numbers):
        for number in numbers:
            roles.save_role(name=f"role-{number}", scopes=["docs:read"], by=BY)
            user = person(f"user-{number}", is_active=False)
            Grant.objects.create(user=user, role=Role.objects.get(name=f"role-{number}"), starts_at=ago(1) - DAY)
        return cost("roles", "grants")

    few, before = more(range(2))
    many_, after = more(range(2, 17))
    assert many_ >= few + 30
    assert after == before <= 40
