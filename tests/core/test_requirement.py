"""The algebra of requirements: monotone, anchored, explained."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess import AUTHENTICATED, PUBLIC, HasMFA, HasPermission, HasRole, HasScope
from django_apiaccess.core.access import Access, CredentialRef
from django_apiaccess.core.decision import Decision, granted
from django_apiaccess.core.reasons import Reason
from django_apiaccess.core.requirement import And, Or, Requirement, decide, requirement_from

SCOPES = ("a:read", "a:write", "b:read")
ROLES = ("reader", "writer", "empty")
PERMISSIONS = ("app.view_a", "app.add_a")
ROLE_SCOPES = {"reader": {"a:read"}, "writer": {"a:read", "a:write"}}


@dataclass(frozen=True)
class FixedRights:
    """A policy that stays: what roles give, and which permissions are held and opened."""

    permissions: frozenset[str] = frozenset()

    def has_permission(self, permission):
        return permission in self.permissions

    def covers_role(self, role, scopes):
        gives = ROLE_SCOPES.get(role)
        return bool(gives) and gives <= scopes


def make_access(scopes=(), roles=(), *, permissions=(), **fields):
    """An access of a key, unless `scoped=False`."""
    return Access(
        principal=None,
        credential=CredentialRef("api_key", "1", "test"),
        scopes=frozenset(scopes),
        roles=frozenset(roles),
        rights=FixedRights(frozenset(permissions)),
        **{name: frozenset(value) if name.startswith("object_") else value for name, value in fields.items()},
    )


leaves = (
    st.sampled_from(SCOPES).map(HasScope)
    | st.sampled_from(ROLES).map(HasRole)
    | st.sampled_from(PERMISSIONS).map(HasPermission)
    | st.sampled_from([PUBLIC, AUTHENTICATED, HasMFA(), HasMFA(acr="phr")])
)
requirements = st.recursive(
    leaves,
    lambda inner: st.tuples(inner, inner, st.booleans()).map(
        lambda three: three[0] & three[1] if three[2] else three[0] | three[1]
    ),
    max_leaves=8,
)


@st.composite
def accesses(draw):
    subset = lambda names: draw(st.sets(st.sampled_from(names)))  # noqa: E731
    return make_access(
        subset(SCOPES),
        subset(ROLES),
        permissions=subset(PERMISSIONS),
        object_scopes=subset(SCOPES),
        object_roles=subset(ROLES),
        acr=draw(st.sampled_from(["", "aal1", "aal2", "phr"])),
        scoped=draw(st.booleans()),
    )


def wider(draw, access):
    """An access that has all that `access` has, and more."""
    more = lambda names, held: frozenset(held) | draw(st.sets(st.sampled_from(names)))  # noqa: E731
    return replace(
        access,
        scopes=more(SCOPES, access.scopes),
        roles=more(ROLES, access.roles),
        object_scopes=more(SCOPES, access.object_scopes),
        object_roles=more(ROLES, access.object_roles),
        rights=FixedRights(more(PERMISSIONS, access.rights.permissions)),
        scoped=access.scoped and draw(st.booleans()),
        acr=draw(st.sampled_from([access.acr, "phr"])),
    )


@given(st.data(), requirements, accesses())
def test_more_rights_never_close_what_fewer_opened(data, requirement, access):
    larger = wider(data.draw, access)
    if access.has(requirement):
        assert larger.has(requirement), requirement
    if access.somewhere().has(requirement):
        assert larger.somewhere().has(requirement), requirement


@given(requirements, accesses())
def test_a_scoped_credential_without_scopes_and_permissions_opens_only_what_asks_for_no_right(requirement, access):
    bare = replace(access, scopes=frozenset(), rights=FixedRights(), scoped=True)
    if bare.has(requirement):
        assert replace(bare, roles=frozenset(), acr="").has(requirement), requirement


@given(requirements, accesses())
def test_an_explanation_is_complete(requirement, access):
    decision = access.explain(requirement)
    assert bool(decision) is decision.allowed is access.has(requirement)
    assert (decision.reason is None) is decision.allowed
    assert decision.text == str(requirement)
    lines = list(decision.lines())
    assert lines[0].startswith("yes " if decision.allowed else "NO ")
    assert all(leaf.text in "\n".join(lines) for leaf in decision.leaves())


@given(requirements, requirements, accesses())
def test_and_and_or_mean_what_they_say_for_a_session(left, right, access):
    session = replace(access, scoped=False)
    assert session.has(left & right) == (session.has(left) and session.has(right))
    assert session.has(left | right) == (session.has(left) or session.has(right))


@given(requirements, requirements, accesses())
def test_the_order_of_parts_decides_nothing(left, right, access):
    assert access.has(left & right) == access.has(right & left)
    assert access.has(left | right) == access.has(right | left)


@given(requirements, requirements, requirements, accesses())
def test_and_distributes_over_or(first, second, third, access):
    assert access.has(first & (second | third)) == access.has((first & second) | (first & third))


# -- the anchor


def test_a_role_alone_does_not_open_to_a_narrow_key():
    decision = make_access(["b:read"], ["writer"]).explain(HasRole("writer"))
    assert (decision.allowed, decision.reason) == (False, Reason.SCOPE_REQUIRED)


def test_a_role_alone_opens_to_a_key_that_was_granted_all_that_the_role_gives():
    assert make_access(["a:read", "a:write"], ["writer"]).has(HasRole("writer"))
    assert not make_access(["a:read"], ["writer"]).has(HasRole("writer"))


def test_a_role_that_gives_nothing_is_covered_by_no_key():
    assert not make_access(SCOPES, ["empty"]).has(HasRole("empty"))
    assert make_access(SCOPES, ["empty"]).has(HasScope("a:read") & HasRole("empty"))


def test_a_role_alone_opens_to_a_session():
    assert make_access([], ["writer"], scoped=False).has(HasRole("writer"))


def test_in_a_conjunction_one_scope_is_the_anchor():
    refund = HasScope("b:read") & HasRole("writer")
    assert make_access(["b:read"], ["writer"]).has(refund)
    assert not make_access(["b:read"], []).has(refund)
    assert not make_access(["a:read"], ["writer"]).has(refund)


@pytest.mark.parametrize("open_to_all", [PUBLIC, AUTHENTICATED, PUBLIC & AUTHENTICATED, PUBLIC | AUTHENTICATED])
def test_what_asks_for_no_right_anchors_none(open_to_all):
    narrow = make_access(["b:read"], ["writer"], acr="phr", can_step_up=True)
    assert narrow.has(open_to_all)
    for principal in (HasRole("writer"), HasMFA(), HasRole("writer") & HasMFA()):
        assert narrow.explain(open_to_all & principal).reason is Reason.SCOPE_REQUIRED
        assert narrow.explain(principal & open_to_all).reason is Reason.SCOPE_REQUIRED
        assert narrow.has(open_to_all | principal)
    assert narrow.has(open_to_all & HasRole("writer") & HasScope("b:read"))


def test_an_alternative_that_holds_by_role_alone_does_not_open():
    either = HasScope("a:read") | HasRole("writer")
    assert not make_access(["b:read"], ["writer"]).has(either)
    assert make_access(["a:read"], []).has(either)


def test_a_factor_alone_does_not_open_to_a_scoped_credential():
    proven = make_access(["a:read"], acr="phr", can_step_up=True)
    assert proven.explain(HasMFA()).reason is Reason.SCOPE_REQUIRED
    assert proven.has(HasMFA() & HasScope("a:read"))


def test_a_permission_counts_as_granted_because_the_ceiling_judged_it():
    assert make_access(permissions=["app.view_a"]).has(HasPermission("app.view_a"))
    assert make_access().explain(HasPermission("app.view_a")).reason is Reason.PERMISSION_MISSING
    assert not replace(make_access(), rights=None).has(HasPermission("app.view_a"))


# -- what is said


def test_the_text_of_a_requirement_is_the_code_that_made_it():
    wanted = (
        (HasScope("a:read") | HasRole("writer") & HasMFA(max_age=300)) & HasPermission("app.view_a") & HasMFA(acr="phr")
    )
    text = '(HasScope("a:read") | HasRole("writer") & HasMFA(max_age=300)) & HasPermission("app.view_a") & HasMFA(acr="phr")'
    assert str(wanted) == text
    assert eval(text) == wanted
    assert (str(PUBLIC), str(AUTHENTICATED)) == ("PUBLIC", "AUTHENTICATED")


@given(requirements)
def test_the_text_read_as_code_gives_the_same_requirement(requirement):
    again = eval(str(requirement))
    assert str(again) == str(requirement)
    assert (again.scopes(), again.roles(), again.public) == (
        requirement.scopes(),
        requirement.roles(),
        requirement.public,
    )


def test_a_conjunction_names_the_first_part_that_fails():
    access = make_access(["a:read"])
    decision = access.explain(HasScope("a:read") & HasScope("a:write") & HasRole("writer"))
    assert decision.reason is Reason.SCOPE_MISSING
    assert decision.detail == 'fails at HasScope("a:write")'
    assert [part.allowed for part in decision.parts] == [True, False, False]
    assert decision.required_scopes == ("a:read", "a:write")
    assert decision.missing_scopes == ("a:write",)


def test_an_alternative_names_all_that_would_have_helped_until_one_does():
    either = HasScope("a:read") | HasScope("b:read")
    assert make_access().explain(either).missing_scopes == ("a:read", "b:read")
    assert make_access(["b:read"]).explain(either).missing_scopes == ()


def test_a_scope_held_on_single_objects_is_not_called_missing_altogether():
    assert make_access(object_scopes=["a:read"]).explain("a:read").reason is Reason.OBJECT
    assert make_access().explain("a:read").reason is Reason.SCOPE_MISSING


def test_the_explanation_is_printed_part_by_part():
    decision = make_access(["a:read"]).explain(HasScope("a:read") & (HasRole("writer") | HasScope("b:read")))
    assert list(decision.lines()) == [
        'NO  HasScope("a:read") & (HasRole("writer") | HasScope("b:read"))  (fails at HasRole("writer") | HasScope("b:read"))',
        '  yes HasScope("a:read")',
        '  NO  HasRole("writer") | HasScope("b:read")  (no alternative holds)',
        '    NO  HasRole("writer")  (the principal does not hold the role)',
        '    NO  HasScope("b:read")  (not among the effective scopes)',
    ]


# -- what is refused to write


def test_there_is_no_not():
    for requirement in (HasScope("a:read"), PUBLIC, HasScope("a:read") & HasRole("writer")):
        with pytest.raises(TypeError, match="no 'not'"):
            _ = ~requirement


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: HasScope("a:read") and HasScope("b:read"),
        lambda: HasScope("a:read") or HasScope("b:read"),
        lambda: not HasScope("a:read"),
        lambda: bool(PUBLIC),
        lambda: bool(HasScope("a:read") & HasRole("writer")),
        lambda: [1 for _ in "x" if HasRole("writer")],
    ],
)
def test_python_own_and_or_not_cannot_be_used_by_mistake(misuse):
    with pytest.raises(TypeError, match="combine with & and"):
        misuse()


@pytest.mark.parametrize(
    "bad", [None, 1, ["a:read"], ("a:read", "b:read"), {"a:read"}, b"a:read", True, object(), HasScope]
)
def test_what_is_no_requirement_is_an_error(bad):
    with pytest.raises(TypeError, match="not a requirement"):
        requirement_from(bad)
    with pytest.raises(TypeError):
        HasScope("a:read") & bad
    with pytest.raises(TypeError):
        bad | HasScope("a:read")


@pytest.mark.parametrize(
    "make",
    [
        lambda: HasScope(["a:read", "b:read"]),
        lambda: HasScope(""),
        lambda: HasScope(None),
        lambda: HasRole(""),
        lambda: HasRole(("x",)),
        lambda: HasPermission("nodot"),
        lambda: HasPermission(None),
    ],
)
def test_a_requirement_of_nothing_cannot_be_made(make):
    with pytest.raises(TypeError, match="takes"):
        make()


@pytest.mark.parametrize(
    "fields", [{"acr": "aal9"}, {"acr": ""}, {"max_age": -1}, {"max_age": 1.5}, {"max_age": "300"}]
)
def test_a_factor_of_no_known_kind_cannot_be_asked_for(fields):
    with pytest.raises(ValueError, match=r"acr|max_age"):
        HasMFA(**fields)


def test_plain_strings_are_scopes_on_either_side():
    assert "a:read" & HasRole("writer") == HasScope("a:read") & HasRole("writer")
    assert HasRole("writer") | "a:read" == HasRole("writer") | HasScope("a:read")
    assert "a:read" | HasRole("writer") == HasScope("a:read") | HasRole("writer")
    assert make_access(["a:read"]).has("a:read")


def test_combinations_are_flat_equal_and_hashable():
    a, b, c = map(HasScope, SCOPES)
    assert a & (b & c) == (a & b) & c == And((a, b, c))
    assert a | (b | c) == (a | b) | c == Or((a, b, c))
    assert len({a & b, a & b, b & a}) == 2
    assert (a & (b | c)).scopes() == set(SCOPES)
    assert (a | HasRole("writer") & HasRole("reader")).roles() == {"writer", "reader"}


def test_requirements_cannot_be_changed():
    with pytest.raises(AttributeError):
        HasScope("a:read").name = "b:read"


def test_public_is_public_only_where_nothing_else_is_asked():
    assert PUBLIC.public
    assert (PUBLIC | HasScope("a:read")).public
    assert not (PUBLIC & HasScope("a:read")).public
    assert not AUTHENTICATED.public
    assert not HasMFA().public


# -- requirements of a project's own


class Forgetful(Requirement):
    def evaluate(self, access):
        pass

    def __str__(self):
        return "Forgetful()"


class Truthful(Requirement):
    def evaluate(self, access):
        return True

    def __str__(self):
        return "Truthful()"


class Unanchored(Requirement):
    def evaluate(self, access):
        return granted("Unanchored()", anchored=False)

    def __str__(self):
        return "Unanchored()"


@pytest.mark.parametrize("kind", [Forgetful, Truthful])
def test_an_evaluate_that_returns_no_decision_is_an_error_wherever_it_stands(kind):
    access = make_access(SCOPES, ROLES, scoped=False)
    scope = HasScope("a:read")
    for requirement in (
        kind(),
        scope & kind(),
        kind() & scope,
        scope | kind(),
        kind() | scope,
        (scope | kind()) & scope,
    ):
        with pytest.raises(TypeError, match=f"{kind.__name__}.evaluate returned"):
            access.has(requirement)


def test_a_requirement_of_a_projects_own_is_no_anchor_unless_it_says_so():
    assert not make_access(SCOPES).has(Unanchored())
    assert make_access(SCOPES).has(Unanchored() & "a:read")
    assert make_access(scoped=False).has(Unanchored())


# -- factors


@pytest.mark.parametrize(
    ("acr", "wanted", "enough"),
    [
        ("aal1", "aal2-sms", False),
        ("aal2-sms", "aal2-sms", True),
        ("aal2-sms", "aal2", False),
        ("aal2", "phr", False),
        ("phr", "aal2", True),
    ],
)
def test_a_level_must_be_reached(acr, wanted, enough):
    session = make_access(scoped=False, acr=acr, can_step_up=True)
    assert session.has(HasMFA(acr=wanted)) is enough


@pytest.mark.parametrize("acr", ["", "aal99", "AAL2", "phr "])
def test_a_level_that_nobody_knows_is_below_all(acr):
    assert make_access(scoped=False, acr=acr, can_step_up=True).explain(HasMFA()).reason is Reason.MFA_MISSING


def test_a_credential_that_cannot_step_up_is_told_so():
    assert make_access(["a:read"]).explain(HasScope("a:read") & HasMFA()).reason is Reason.MFA_IMPOSSIBLE


def test_an_old_or_undated_proof_is_too_old():
    now = datetime.now(UTC)
    wanted = HasMFA(max_age=300)

    def reason(auth_time):
        return make_access(scoped=False, acr="aal2", can_step_up=True, auth_time=auth_time).explain(wanted).reason

    assert reason(now - timedelta(seconds=290)) is None
    assert reason(now - timedelta(seconds=301)) is Reason.MFA_TOO_OLD
    assert reason(None) is Reason.MFA_TOO_OLD


# -- the access


def test_an_access_cannot_be_changed():
    access = make_access(["a:read"])
    with pytest.raises(AttributeError):
        access.scopes = frozenset(SCOPES)
    with pytest.raises(AttributeError):
        access.scopes.add("a:write")
    with pytest.raises((AttributeError, TypeError)):
        access.superpower = True


def test_what_is_held_on_single_objects_opens_nothing_as_a_whole():
    access = make_access(object_scopes=["a:read"], object_roles=["writer"])
    assert not access.has("a:read")
    assert access.somewhere().has("a:read")
    assert decide(HasScope("a:read"), access).allowed is False


def test_a_decision_without_parts_is_its_own_leaf():
    decision = Decision(False, "x", reason=Reason.UNDECLARED)
    assert list(decision.leaves()) == [decision]
