"""What a yes rests on: with these scopes alone the same request is let in again, whatever the requirement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess import AUTHENTICATED, PUBLIC, Access, HasMFA, HasPermission, HasRole, HasScope
from django_apiaccess.core.access import CredentialRef
from django_apiaccess.core.decision import granted
from django_apiaccess.core.requirement import And, Or, Requirement, decide
from django_apiaccess.core.scope_use import note, rests_on

SCOPES = ["a:one", "a:two", "b:one", "b:two"]
ROLES = {"clerk": {"a:one"}, "chief": {"a:one", "b:one"}, "empty": set()}
OPENED = {"app.see": {"a:one", "b:two"}, "app.do": {"b:one"}}


class Rights:
    """Rights of a principal who holds everything, through a credential with `scopes`."""

    def __init__(self, scopes):
        self.scopes = scopes

    def has_permission(self, permission):
        return bool(OPENED[permission] & self.scopes)

    def covers_role(self, role, scopes):
        return bool(ROLES[role]) and ROLES[role] <= scopes

    def scopes_covering(self, role, scopes):
        return scopes & frozenset(ROLES[role])

    def scopes_opening(self, permission):
        return frozenset(OPENED[permission]) & self.scopes


def access_with(scopes, roles=ROLES, **fields):
    scopes = frozenset(scopes)
    return Access(None, CredentialRef("api_key", "1", "k"), scopes, frozenset(roles), rights=Rights(scopes), **fields)


class Odd(Requirement):
    """A project's own."""

    def evaluate(self, access):
        from django_apiaccess.core.decision import denied
        from django_apiaccess.core.reasons import Reason

        if len(access.scopes) >= 2:
            return granted("odd", anchored=True)
        return denied("odd", Reason.SCOPE_MISSING, "too few")

    def __str__(self):
        return "odd"

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return isinstance(other, Odd)


leaves = st.one_of(
    st.sampled_from(SCOPES).map(HasScope),
    st.sampled_from(sorted(ROLES)).map(HasRole),
    st.sampled_from(sorted(OPENED)).map(HasPermission),
    st.sampled_from([PUBLIC, AUTHENTICATED, HasMFA(), Odd()]),
)
requirements = st.recursive(
    leaves,
    lambda inner: st.tuples(st.lists(inner, min_size=2, max_size=3), st.booleans()).map(
        lambda pair: And(tuple(pair[0])) if pair[1] else Or(tuple(pair[0]))
    ),
    max_leaves=8,
)


@given(requirements, st.sets(st.sampled_from(SCOPES)), st.sets(st.sampled_from(sorted(ROLES))), st.booleans())
def test_what_was_let_in_is_let_in_again_with_what_it_rested_on_alone(requirement, scopes, roles, mfa):
    access = access_with(scopes, roles, acr="aal2" if mfa else "")
    if not decide(requirement, access).allowed:
        return
    decision = decide(requirement, access)
    used = frozenset(rests_on(requirement, access))
    assert used == frozenset(rests_on(requirement, access, decision))
    assert used <= access.scopes
    assert decide(requirement, access_with(used, roles, acr=access.acr)).allowed


def rested(requirement, *scopes, roles=()):
    return set(rests_on(requirement, access_with(scopes, roles)))


def test_one_way_that_was_open_is_enough():
    either = HasScope("a:one") | HasScope("b:one")
    assert rested(either, "a:one", "b:one") == {"a:one"}
    assert rested(either, "b:one") == {"b:one"}


def test_a_role_beside_a_scope_rests_on_the_scope_alone_and_a_role_alone_on_all_it_gives():
    assert rested(HasScope("a:two") & HasRole("chief"), *SCOPES, roles=["chief"]) == {"a:two"}
    assert rested(HasRole("chief"), *SCOPES, roles=["chief"]) == {"a:one", "b:one"}


@pytest.mark.parametrize("requirement", [PUBLIC, AUTHENTICATED])
def test_what_asks_for_no_right_rests_on_none(requirement):
    assert rested(requirement, *SCOPES) == set()


def test_a_requirement_of_a_projects_own_rests_on_everything():
    assert rested(Odd(), "a:one", "b:one") == {"a:one", "b:one"}


def test_what_is_held_on_single_objects_only_counts():
    access = replace(access_with([]), object_scopes=frozenset({"a:one"}))
    either = HasScope("a:one") | HasScope("b:one")
    assert set(rests_on(either, access)) == {"a:one"}
    let_in = replace(decide(either, access), allowed=True, reason=None)
    assert set(rests_on(either, access, let_in)) == {"a:one"}


def test_asking_an_access_is_a_use_and_a_no_is_none():
    seen = []
    access = replace(access_with(["a:one"]), uses=seen.append)
    assert access.has("a:one")
    assert not access.has("b:one")
    assert seen == ["a:one"]
    note(HasScope("a:one"), replace(access, uses=None))
    assert seen == ["a:one"]
