"""Requests at the edge of what can be asked: strange paths, moments and names, views of a project that fail, the scheme of a credential."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import path
from rest_framework import permissions
from rest_framework.response import Response
from rest_framework.test import APIClient

from django_apiaccess.access.cases import Cases
from django_apiaccess.access.context import Context
from django_apiaccess.access.expectations import run
from django_apiaccess.access.explain import explain, explain_user
from django_apiaccess.access.presented import Shown
from django_apiaccess.events.models import Event
from django_apiaccess.exceptions import InvalidChange, NotAnswerable, UnknownName
from django_apiaccess.keys import accounts
from django_apiaccess.permissions import HasAccess
from django_apiaccess.roles import names
from tests.access.every_form import LateView, NeverView, NoChecks, WideView
from tests.testapp.views import Answer
from tests.tokens.people import log_in
from tests.tokens.proofs import Holder

pytestmark = pytest.mark.django_db
HALF = "\ud83d"


class Broken(permissions.BasePermission):
    def has_permission(self, request, view):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")


class BrokenView(Answer):
    permission_classes = [Broken]


class Unmade(Answer):
    def get_permissions(self):
        return [self.kwargs["nothing"]]


class Asking(HasAccess):
    def has_permission(self, request, view):
        return super().has_permission(request, view)


class AskingView(Answer):
    permission_classes = [Asking]
    access = "docs:read"

    def get(self, request, name=""):
        return Response({"name": name})


urlpatterns = [
    path("broken/", BrokenView.as_view()),
    path("unmade/", Unmade.as_view()),
    path("asking/", AskingView.as_view()),
    path("wide/", WideView.as_view()),
    path("never/", NeverView.as_view()),
    path("late/", LateView.as_view()),
    path("no-checks/", NoChecks.as_view()),
    path("räume/<str:name>/", AskingView.as_view()),
]
here = pytest.mark.urls(__name__)


def case(**facts):
    facts = {"method": "GET", "path": "/report/", "expected": "refused", "because": "x", **facts}
    (found,) = Cases(json.dumps({"tests": [facts]})).cases
    return run(found)


# -- views that decide in a way of their own


@here
def test_a_class_on_top_of_ours_gives_its_own_answer_and_writes_no_event(make_user, client_of, make_key):
    zoe = make_user("zoe")
    before = Event.objects.count()
    assert explain_user(zoe, "GET", "/wide/").allowed
    found = explain_user(zoe, "GET", "/asking/")
    assert (found.allowed, found.status, found.reason.value) == (False, 403, "scope_missing")
    assert explain_user(zoe, "GET", "/never/").status == 403
    assert not explain_user(zoe, "GET", "/late/").allowed
    zoe.is_staff = True
    assert explain_user(zoe, "GET", "/late/").allowed
    assert Event.objects.count() == before


@here
def test_of_a_view_that_replaces_the_checks_nothing_is_said(make_user):
    with pytest.raises(NotAnswerable):
        explain_user(make_user("zoe"), "GET", "/no-checks/")
    with pytest.raises(CommandError, match=r"NoChecks\.check_permissions replaces DRF's own"):
        call_command("explain_access", "--user", "zoe", "GET", "/no-checks/", stdout=StringIO())
    with pytest.raises(CommandError, match="cannot be answered for"):
        call_command("list_access", "--endpoint", "GET /no-checks/", stdout=StringIO())
    for expected in ("refused", "allowed", "401"):
        outcome = case(who="anonymous", path="/no-checks/", expected=expected)
        assert not outcome.passed
        assert outcome.got.startswith("not answerable: ")


@here
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path_", ["/broken/", "/unmade/"])
def test_code_of_a_project_that_fails_ends_no_more_than_its_answer(path_, make_user):
    zoe = make_user("zoe")
    with transaction.atomic():
        found = explain_user(zoe, "GET", path_)
        assert (found.allowed, found.status) == (False, 500)
        assert Event.objects.count() >= 0, "the transaction goes on"


# -- paths


@here
@pytest.mark.parametrize("asked", ["/räume/grün/", "/r%C3%A4ume/gr%C3%BCn/", "/räume/%F0%9F%98%80/", "/räume/%FF/"])
def test_a_path_is_taken_as_a_live_request_has_it(asked, make_user, client_of, make_key):
    zoe = make_user("zoe", "docs:read")
    assert client_of(make_key(zoe, "docs:read")).get(asked).status_code == 200
    assert explain_user(zoe, "GET", asked).allowed


@pytest.mark.parametrize("asked", ["/nowhere/é/", "/nowhere/%00/", f"/nowhere/{HALF}/", "/%E9/", "/[", "/\x00"])
def test_a_path_that_no_view_takes_is_said_to_be_none(asked, make_user):
    with pytest.raises(UnknownName, match="No view at"):
        explain_user(make_user("zoe"), "GET", asked)


# -- moments


@pytest.mark.parametrize(
    "facts",
    [
        {"auth_age": -1},
        {"auth_age": 10**10},
        {"auth_age": 10**18},
        {"at": datetime(1, 1, 1, tzinfo=UTC)},
        {"at": datetime(9999, 12, 31, tzinfo=UTC)},
    ],
)
def test_a_moment_that_no_clock_knows_is_no_context(facts):
    with pytest.raises(InvalidChange):
        Context(**facts)


@pytest.mark.parametrize("facts", [{"mfa_age": "9999y"}, {"at": "0001-01-01"}, {"at": "9999-12-31T23:59:59-12:00"}])
def test_a_test_of_such_a_moment_is_not_answerable(facts, make_user):
    make_user("zoe")
    outcome = case(who="user zoe", **facts)
    assert not outcome.passed
    assert outcome.got.startswith("not answerable: ")


def test_the_command_says_it_too(make_user):
    make_user("zoe")
    for option in (["--auth-age", "900y"], ["--at", "9999-12-31"]):
        with pytest.raises((CommandError, InvalidChange)):
            call_command("explain_access", "--user", "zoe", *option, "GET", "/report/", stdout=StringIO())


# -- names


@pytest.mark.parametrize("name", [HALF, f"zoe{HALF}", "\0", "zoe\0"])
@pytest.mark.parametrize("look", [names.user, names.role, names.group, accounts.service_account])
def test_a_name_that_no_database_holds_is_unknown(look, name):
    with pytest.raises(UnknownName):
        look(name)


def test_a_file_with_such_a_name_is_refused_with_its_line():
    with pytest.raises(InvalidChange, match=r"line 1: .*half a surrogate"):
        Cases(
            f'tests: [{{who: "user {HALF.encode("unicode-escape").decode()}", method: GET, path: /, expected: allowed, because: x}}]'
        )


# -- how a credential came (RFC 9449)


def status_of(text):
    """Live, and explained, with the reason."""
    live = APIClient().get("/read-only/", headers={"Authorization": text}).status_code
    found = explain(Shown(text), "GET", "/read-only/", Context(address="127.0.0.1", secure=False))
    return live, found.status, None if found.reason is None else found.reason.value


@pytest.fixture
def token(make_user):
    make_user("zoe", "docs:read")
    return log_in("zoe", scope="docs:read").access


def bound_token():
    holder = Holder()
    body = {"username": "zoe", "password": "secret", "scope": "docs:read"}
    proof = holder.proof("POST", "http://testserver/access/token/")
    return APIClient().post("/access/token/", body, format="json", headers={"DPoP": proof}).json()["access_token"]


def test_an_unbound_token_sent_as_dpop_is_refused(token):
    assert status_of(f"Bearer {token}") == (200, None, None)
    assert status_of(f"DPoP {token}") == (401, 401, "not_bound")


def test_a_bound_token_sent_as_bearer_is_refused(token):
    bound = bound_token()
    assert status_of(f"Bearer {bound}") == (401, 401, "proof_missing")
    found = explain(Shown(f"DPoP {bound}"), "GET", "/read-only/", Context())
    assert found.allowed
    assert "whose DPoP proof is taken to be there" in json.dumps(found.as_dict())
    assert explain(Shown(bound), "GET", "/read-only/", Context()).allowed, "no scheme was shown"


def test_where_bound_tokens_are_demanded_an_unbound_one_is_refused(token, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "DPOP": {"REQUIRED": True}}
    assert status_of(f"Bearer {token}") == (401, 401, "not_bound")
    assert explain(Shown(token), "GET", "/read-only/", Context()).status == 401


def test_a_key_sent_as_dpop_that_is_bound_to_nothing_is_refused(make_user, make_key):
    key = make_key(make_user("zoe", "docs:read"), "docs:read").text
    assert status_of(f"Api-Key {key}") == (200, None, None)
    assert status_of(f"DPoP {key}") == (401, 401, "not_bound")
