"""Checks of the policy: it can be asked, it matches something, somebody can approve."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from tests.adminkit import allow
from tests.checking import found, ids, with_access

pytestmark = pytest.mark.usefixtures("clean_project")


def of_rows():
    messages = run_checks(tags=["apiaccess", "database"], include_deployment_checks=True, databases=["default"])
    return {message.id for message in messages} & {"apiaccess.W085", "apiaccess.W086"}


@pytest.mark.parametrize("name", ["no.such.module", "tests.keys.approvals.conftest.WHY"])
def test_a_function_that_is_none_is_an_error(name):
    with with_access(APPROVALS={"FUNCTION": name}):
        assert name in found()["apiaccess.E085"].msg


def test_a_pattern_that_matches_no_scope_names_the_nearest():
    with with_access(APPROVALS={"SCOPES": ["docs:delte", "*:read"]}):
        message = found()["apiaccess.W085"]
        assert "docs:delte" in message.msg
        assert "Did you mean 'docs:delete'?" in message.hint


@pytest.mark.parametrize(
    "entries",
    [
        {"SCOPES": "docs:delete"},
        {"SCOPES": ["docs delete"]},
        {"SCOPES": ["docs"]},
        {"ROLES": "manager"},
        {"FUNCTION": 3},
        {"EXPIRES": "soon"},
        {"EXPIRES": "0"},
        {"CLAIM_WITHIN": None},
        {"SCOPE": ["docs:delete"]},
        [],
    ],
)
def test_a_policy_that_cannot_be_read_is_an_error_that_says_how_to_write_it(entries):
    with with_access(APPROVALS=entries):
        assert ids() == {"apiaccess.E003"}


@pytest.mark.parametrize(
    "entries", [{"EXPIRING": "14d"}, {"EXPIRING": ["0"]}, {"INACTIVE": "never"}, {"INACTIV": "9d"}, None]
)
def test_reminders_that_cannot_be_read_are_an_error(entries):
    with with_access(REMINDERS=entries):
        assert ids() == {"apiaccess.E003"}


def test_the_nearest_entry_is_named():
    with with_access(APPROVALS={"SCOPE": []}):
        assert "did you mean 'SCOPES'?" in found()["apiaccess.E003"].msg


@pytest.mark.django_db
def test_too_few_people_who_can_approve_are_warned_of(make_user, make_role, operator):
    with with_access(APPROVALS={"SCOPES": ["docs:delete"]}):
        assert of_rows() == {"apiaccess.W086"}
        allow(make_user("ann"), "approve_keyrequest")
        assert of_rows() == {"apiaccess.W086"}
        make_role("approver", permissions=["django_apiaccess.approve_keyrequest"])
        make_user("bob", role="approver")
        assert of_rows() == set()


@pytest.mark.django_db
def test_a_role_that_does_not_exist_is_warned_of(make_user):
    for name in ("ann", "bob"):
        make_user(name, is_superuser=True)
    with with_access(APPROVALS={"ROLES": ["manger"]}):
        assert of_rows() == {"apiaccess.W085"}
