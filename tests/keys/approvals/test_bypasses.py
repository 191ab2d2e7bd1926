"""Every way to a guarded key, or to more on a key, ends at the request."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess import declare_scope
from django_apiaccess.authn.kinds import Client, Presented
from django_apiaccess.core.requirement import HasRole
from django_apiaccess.core.scopes import registry
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.exceptions import ApprovalRequired, Conflict, FourEyes
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.approvals import policy as approval_policy
from django_apiaccess.keys.approvals import service as approvals
from django_apiaccess.keys.approvals.models import KeyRequest
from django_apiaccess.keys.credential import APIKeyKind
from django_apiaccess.keys.models import APIKey
from django_apiaccess.roles import service as roles
from tests.adminkit import KEY, allow, text_of, url, used_form
from tests.keys.test_importers import auth_tokens, drf_keys, imported  # noqa: F401 - fixtures too

from .conftest import KEYS, REQUESTS, WHY
from .test_flow import step, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved_key(ann, bob, ask, session_of):
    """A key of ann's that was approved: on one network, at a rate, for 30 days."""
    fields = {"networks": ["127.0.0.0/8"], "rate": "100/min", "expires_at": "30d"}
    number = ask(ann, **fields).json()["id"]
    step(session_of(bob), number, "approve")
    step(session_of(ann), number, "claim")
    return APIKey.objects.get()


@pytest.fixture
def caller_with():
    """`caller_with(issued)`: the access of a request with this key."""
    return lambda issued: APIKeyKind().authenticate(Presented("api-key", issued.text), Client(Where("203.0.113.7")))


# -- scopes that reach a guarded one


@pytest.mark.parametrize(
    ("patterns", "scopes", "needs"),
    [
        (["docs:delete"], ["docs:delete"], True),
        (["docs:delete"], ["docs:*"], True),
        (["docs:read"], ["docs:write"], True),  # implies it
        (["*:write"], ["docs:write"], True),
        (["*:write"], ["reports:*"], True),  # a scope of that name may be declared later
        (["docs:*"], ["docs:read"], True),
        (["*"], ["reports:read"], True),
        (["*"], [], False),
        (["docs:delete"], ["docs:write"], False),
        (["docs:delete"], ["reports:*"], False),
    ],
)
def test_wildcards_and_implied_scopes_reach_what_is_guarded(make_user, policy, patterns, scopes, needs):
    policy(SCOPES=patterns)
    ann = make_user("ann", "docs:*", "reports:*")
    assert bool(approval_policy.why(ann, scopes)) is needs


def test_a_wildcard_is_guarded_for_a_scope_that_is_declared_later(make_user, policy, operator):
    policy(SCOPES=["docs:shred"])
    ann = make_user("ann", "docs:*")
    with pytest.raises(ApprovalRequired):
        keys.issue(principal=ann, name="x", scopes=["docs:*"], by=operator)


def test_an_implied_wildcard_is_guarded_too(make_user, policy):
    policy(SCOPES=["reports:burn"])
    declare_scope("docs:all", "Everything", implies=["reports:*"])
    try:
        assert approval_policy.why(make_user("ann"), ["docs:all"])
    finally:
        registry.forget("docs:all")


def test_a_key_with_rights_of_a_guarded_role_needs_approval(make_user, make_role, policy, operator):
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    policy(ROLES=["edit*"])
    ann, eve = make_user("ann", role="editor"), make_user("eve", role="reader")
    with pytest.raises(ApprovalRequired):
        keys.issue(principal=ann, name="x", scopes=["docs:write"], by=operator)
    keys.issue(principal=eve, name="x", scopes=["docs:read"], by=operator)


def test_a_role_of_permissions_alone_is_guarded_by_what_the_scopes_open(make_user, make_role, policy, operator):
    roles.save_role(name="manager", scopes=[], permissions=["testapp.delete_document"], by=operator)
    policy(ROLES=["manage*"])
    ann = make_user("ann", "docs:delete", "docs:read", role="manager")
    with pytest.raises(ApprovalRequired, match="the role manager"):
        keys.issue(principal=ann, name="x", scopes=["docs:delete"], by=operator)
    keys.issue(principal=ann, name="x", scopes=["docs:read"], by=operator)
    keys.issue(principal=make_user("eve", "docs:delete"), name="x", scopes=["docs:delete"], by=operator)


@pytest.mark.parametrize("permissions", [[], ["testapp.delete_document"], ["testapp.view_document"]])
@pytest.mark.parametrize("scopes", [[], ["docs:read"], ["reports:read", "docs:delete"]])
def test_no_key_that_passes_for_a_guarded_role_is_made_without_approval(
    make_user, policy, operator, caller_with, permissions, scopes
):
    roles.save_role(name="manager", scopes=scopes, permissions=permissions, by=operator)
    ann = make_user("ann", "docs:*", "reports:*", role="manager")
    for asked in (["docs:read"], ["docs:delete"], ["docs:*"], ["reports:read"], ["docs:*", "reports:*"]):
        policy()
        issued = keys.issue(principal=ann, name="x", scopes=asked, by=operator)
        passes = caller_with(issued).has(HasRole("manager"))
        policy(ROLES=["manager"])
        assert approval_policy.why(ann, asked) or not passes


def only_services(principal, scopes):
    return hasattr(principal, "service_account") and "docs:read" in scopes


def test_a_function_of_the_project_decides(make_user, policy, operator):
    policy(FUNCTION="tests.keys.approvals.test_bypasses.only_services")
    robot = keys.create_service_account(name="robot", owner=make_user("bob"), purpose="x", by=operator).user
    roles.grant(user=robot, scope="docs:read", by=operator)
    with pytest.raises(ApprovalRequired):
        keys.issue(principal=robot, name="x", scopes=["docs:read"], by=operator)
    keys.issue(principal=make_user("ann", "docs:read"), name="x", scopes=["docs:read"], by=operator)


# -- widening


WIDER = {
    "another network": {"networks": []},
    "no rate": {"rate": ""},
    "a longer life": {"expires_at": "300d"},
    "no end": {"expires_at": None},
    "another scope": {"scopes": ["docs:delete", "docs:read"]},
    "a wildcard": {"scopes": ["docs:*"]},
}


@pytest.mark.parametrize("fields", WIDER.values(), ids=WIDER)
def test_an_approved_key_does_no_more_without_another_approval(approved_key, ann, bob, session_of, fields):
    address = f"{KEYS}{approved_key.pk}/"
    before = keys.described(approved_key)
    if fields.get("scopes") == ["docs:*"]:
        roles.grant(user=ann, scope="docs:*", by=Actor.command("test"))
        roles.grant(user=bob, scope="docs:*", by=Actor.command("test"))
    assert told(session_of(ann).patch(address, fields)) == (400, "approval_required")
    asked = session_of(ann).patch(address, {**fields, "justification": WHY})
    assert asked.status_code == 202, asked.content
    assert asked.json()["widens"] is True
    assert keys.described(APIKey.objects.get(pk=approved_key.pk)) == before
    number = asked.json()["id"]
    assert step(session_of(bob), number, "approve").status_code == 200
    assert keys.described(APIKey.objects.get(pk=approved_key.pk)) == before
    claimed = step(session_of(ann), number, "claim")
    assert (claimed.status_code, claimed.json()["key"]) == (200, None)
    assert keys.described(APIKey.objects.get(pk=approved_key.pk)) != before
    assert APIKey.objects.count() == 1


def test_narrowing_renaming_and_rotating_need_nobody(approved_key, ann, session_of, client_of):
    client, address = session_of(ann), f"{KEYS}{approved_key.pk}/"
    assert client.patch(address, {"name": "other", "networks": ["127.0.0.1"], "expires_at": "1d"}).status_code == 200
    rotated = client.post(f"{address}rotate/", {})
    assert rotated.status_code == 200
    assert client_of(rotated.json()["key"]).get("/access/me/").json()["scopes"] == ["docs:delete"]


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_else_gets_the_text_of_a_guarded_key_by_rotating_it(approved_key, make_user, client, superuser):
    """A person who may rotate keys in the admin is one pair of hands: also a superuser."""
    mona = allow(make_user("mona", "docs:delete", is_superuser=superuser), "rotate_apikey", "view_apikey")
    client.force_login(mona)
    page = url("apikey", "rotate", approved_key.pk)
    answer = client.post(page, {"grace": "24h", "apiaccess_form": used_form(client, page)})
    assert "Only ann" in text_of(answer)
    assert not KEY.search(text_of(answer))
    assert approved_key.secrets.count() == 1
    with pytest.raises(FourEyes):
        keys.rotate(approved_key, by=Actor.of_user(mona))
    keys.change(approved_key, scopes=["docs:delete"], by=Actor.command("test"))
    assert keys.rotate(approved_key, by=Actor.command("test")).text  # the operator is bound by no policy
    assert keys.rotate(APIKey.objects.get(), by=Actor.of_user(approved_key.principal)).text


def test_a_key_that_needs_nobody_is_rotated_in_the_admin_as_before(make_user, make_key):
    mona = allow(make_user("mona", "docs:read"), "rotate_apikey")
    issued = make_key(make_user("eve", "docs:read"), "docs:read")
    assert keys.rotate(issued.key, by=Actor.of_user(mona)).text


def test_the_owner_of_a_service_account_rotates_its_guarded_key_and_nobody_else(ann, bob, operator):
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator).user
    roles.grant(user=robot, scope="docs:delete", by=operator)
    key = keys.issue(principal=robot, name="x", scopes=["docs:delete"], by=operator, approved=bob).key
    with pytest.raises(FourEyes, match="the owner of that service account"):
        keys.rotate(key, by=Actor.of_user(bob))
    assert keys.rotate(key, by=Actor.of_user(ann)).text


def test_nobody_else_gets_the_credential_of_a_client_that_acts_by_itself(ann, bob, make_user, operator):
    from django_apiaccess.contrib.oauth import client_secrets, clients

    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    fields = {"grant_types": "client_credentials", "service_account": robot, "scopes": ["docs:delete"]}
    made = clients.create(by=operator, name="n", approved_by=bob, **fields).client
    root = Actor.of_user(make_user("root", is_superuser=True))
    with pytest.raises(FourEyes):
        client_secrets.rotate(made, by=root)
    with pytest.raises(FourEyes):
        clients.change(made, by=root, auth_method="private_key_jwt", jwks_uri="https://evil.example/jwks")
    clients.change(made, by=root, name="other")
    assert client_secrets.rotate(made, by=Actor.of_user(ann))[0]
    assert client_secrets.rotate(made, by=operator)[0]


# -- who owns a program


@pytest.mark.parametrize("approve_first", [False, True])
def test_a_request_ends_when_the_service_account_gets_another_owner(bob, ann, operator, approve_first, make_user):
    """Else who owned it when it was asked for would decide on it as an outsider."""
    account = keys.create_service_account(name="robot", owner=bob, purpose="x", by=operator)
    roles.grant(user=account.user, scope="docs:delete", by=operator)
    mona = allow(make_user("mona", "docs:delete", email="mona@example.com"), "add_apikey")
    made = approvals.issue(
        by=Actor.of_user(mona), principal=account.user, name="x", scopes=["docs:delete"], justification=WHY
    )
    if approve_first:
        carl = allow(make_user("carl", "docs:delete"), "approve_keyrequest")
        approvals.approve(made, by=Actor.of_user(carl))
    with pytest.raises(FourEyes):
        approvals.approve(made, by=Actor.of_user(bob))
    keys.change_service_account(account, owner=ann, purpose="y", active=True, by=operator)
    with pytest.raises(Conflict):
        approvals.approve(made, by=Actor.of_user(bob))
    with pytest.raises(Conflict):
        approvals.claim(made, by=Actor.of_user(mona))
    made.refresh_from_db()
    assert (made.status, made.decided_by) == ("refused", None)
    assert "another owner" in Event.objects.get(action="key_request.refused").reason
    assert not APIKey.objects.exists()


def test_a_request_goes_on_when_something_else_of_the_service_account_changes(bob, ann, operator, make_user):
    account = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    roles.grant(user=account.user, scope="docs:delete", by=operator)
    mona = allow(make_user("mona", "docs:delete"), "add_apikey")
    made = approvals.issue(
        by=Actor.of_user(mona), principal=account.user, name="x", scopes=["docs:delete"], justification=WHY
    )
    keys.change_service_account(account, owner=ann, purpose="other", active=True, by=operator)
    assert approvals.approve(made, by=Actor.of_user(bob)).status == "approved"


def test_a_key_made_before_gets_a_guarded_scope_by_a_request_only(ann, ask, session_of):
    made = ask(ann, scopes=["docs:read"]).json()
    answer = session_of(ann).patch(f"{KEYS}{made['id']}/", {"scopes": ["docs:read", "docs:delete"]})
    assert told(answer) == (400, "approval_required")
    assert APIKey.objects.get().scopes == {"docs:read"}


def test_what_was_narrowed_meanwhile_does_not_come_back_by_a_claim(approved_key, ann, bob, session_of, operator):
    address = f"{KEYS}{approved_key.pk}/"
    number = session_of(ann).patch(address, {"networks": [], "justification": WHY}).json()["id"]
    step(session_of(bob), number, "approve")
    keys.change(APIKey.objects.get(), scopes=[], by=operator)
    assert told(step(session_of(ann), number, "claim")) == (409, "conflict")
    assert APIKey.objects.get().scopes == frozenset()
    keys.revoke(APIKey.objects.get(), reason="x", by=operator)
    assert step(session_of(ann), number, "claim").status_code in {400, 409}


# -- with an API key


def test_a_key_asks_within_itself_and_gets_a_key_that_ends_with_it(approved_key, ann, bob, session_of, client_of):
    client = client_of(session_of(ann).post(f"{KEYS}{approved_key.pk}/rotate/", {}).json()["key"])
    APIKey.objects.update(rate="")  # a key with a rate issues none
    asked = client.post(KEYS, {"name": "child", "scopes": ["docs:delete"], "justification": WHY})
    assert asked.status_code == 202, asked.content
    assert asked.json()["networks"] == ["127.0.0.0/8"]  # bound as the key that asks
    number = asked.json()["id"]
    assert step(session_of(bob), number, "approve").status_code == 200
    assert told(step(session_of(ann), number, "claim")) == (403, "four_eyes")  # not with the session
    claimed = step(client, number, "claim")
    assert claimed.status_code == 201, claimed.content
    assert APIKey.objects.get(pk=claimed.json()["id"]).issued_via_id == approved_key.pk


def test_a_narrow_key_neither_sees_nor_claims_what_is_wider_than_itself(ann, bob, ask, session_of, client_of, make_key):
    number = ask(ann).json()["id"]
    step(session_of(bob), number, "approve")
    client = client_of(make_key(ann, "docs:read"))
    assert client.get(REQUESTS).json()["results"] == []
    for verb in ("claim", "withdraw"):
        assert step(client, number, verb).status_code == 404
    assert KeyRequest.objects.get().status == "approved"


def test_a_program_decides_nothing(ann, ask, make_user, session_of, operator):
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator).user
    roles.grant(user=robot, scope="docs:delete", by=operator)
    allow(robot, "approve_keyrequest")
    number = ask(ann).json()["id"]
    assert told(step(session_of(robot), number, "approve")) == (403, "four_eyes")


# -- by commands, by imports


def test_an_operator_makes_no_guarded_key_without_naming_an_approver(ann, bob, capsys):
    arguments = ["create_api_key", "--user", "ann", "--name", "x", "--scope", "docs:delete"]
    with pytest.raises(CommandError, match="--approved-by"):
        call_command(*arguments)
    allow(ann, "approve_keyrequest")
    for person, why in (("ann", "your own"), ("eve", "Unknown user")):
        with pytest.raises(CommandError, match=why):
            call_command(*arguments, "--approved-by", person)
    assert not APIKey.objects.exists()
    call_command(*arguments, "--approved-by", "bob")
    event = Event.objects.get(action="key.created")
    assert (event.details["approved_by"], event.actor_label) == ("bob", "create_api_key")


def test_an_operator_asks_in_the_name_of_a_person_who_claims_it(ann, bob, session_of, capsys):
    call_command(
        "create_api_key", "--user", "ann", "--name", "x", "--scope", "docs:delete", "--requested-by", "ann",
        "--justification", WHY, "--format", "json",
    )  # fmt: skip
    assert '"key": null' in capsys.readouterr().out
    number = KeyRequest.objects.get().pk
    step(session_of(bob), number, "approve")
    assert step(session_of(ann), number, "claim").status_code == 201


def test_an_oauth_client_that_acts_by_itself_needs_approval_as_a_key_does(ann, bob, operator, capsys):
    from django_apiaccess.contrib.oauth import clients

    robots = [keys.create_service_account(name=name, owner=ann, purpose="x", by=operator) for name in ("one", "two")]
    arguments = ["create_oauth_client", "app", "--grant", "client_credentials", "--service-account", "one"]
    arguments += ["--scope", "docs:*", "reports:read"]
    with pytest.raises(CommandError, match="must approve this client"):
        call_command(*arguments)
    with pytest.raises(CommandError, match="does not hold reports:read"):
        call_command(*arguments, "--approved-by", "bob")
    roles.grant(user=bob, scope="reports:read", by=operator)
    call_command(*arguments, "--approved-by", "bob")
    assert Event.objects.get(action="oauth_client.created").details["approved_by"] == "bob"
    narrow = clients.create(
        by=operator, name="n", grant_types="client_credentials", service_account=robots[1], scopes=["docs:read"]
    ).client
    wider = {"scopes": ["docs:read", "docs:delete"]}
    with pytest.raises(ApprovalRequired):
        clients.change(narrow, by=operator, **wider)
    with pytest.raises(FourEyes):
        clients.change(narrow, by=operator, approved_by=ann, **wider)
    clients.change(narrow, by=operator, approved_by=bob, **wider)
    clients.change(narrow, by=operator, name="other")  # nothing wider


def test_what_a_person_gives_a_client_needs_nobody_else(ann, operator):
    from django_apiaccess.contrib.oauth import clients

    fields = {"redirect_uris": "https://a.example/cb", "scopes": ["docs:delete"]}
    made = clients.create(by=operator, name="p", grant_types="authorization_code", **fields).client
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    with pytest.raises(ApprovalRequired):
        clients.change(made, by=operator, grant_types="client_credentials", service_account=robot)


def test_scopes_that_need_nobody_are_told_apart(ann):
    assert approval_policy.unguarded(ann, ["docs:*"]) == {"docs:read", "docs:write"}
    assert approval_policy.unguarded(ann, ["docs:write"]) == {"docs:write"}


def reads_all(principal, scopes):
    return {"docs:read", "reports:read"} <= scopes


def test_scopes_that_need_approval_together_are_not_passed_one_by_one(make_user, policy, auth_tokens):  # noqa: F811
    policy(FUNCTION="tests.keys.approvals.test_bypasses.reads_all")
    ann, eve = make_user("ann", "docs:read", "reports:read"), make_user("eve", "docs:write")
    assert approval_policy.unguarded(ann, ["docs:read", "reports:read"]) == frozenset()
    assert approval_policy.unguarded(eve, ["docs:write"]) == {"docs:write"}
    auth_tokens(ann.pk)
    (skipped,) = imported("--from", "drf-authtoken", "--scopes-from-principal")["skipped"]
    assert "another person's approval" in skipped["reason"]


def test_an_import_leaves_guarded_scopes_out(make_user, drf_keys, auth_tokens):  # noqa: F811
    make_user("owner")
    ann = make_user("ann", "docs:*")
    drf_keys("mobile")
    report = imported("--from", "drf-api-key", "--owner", "owner", "--scope", "docs:delete", "--scope", "docs:read")
    assert (report["imported"], report["narrowed"]) == (1, 1)
    auth_tokens(ann.pk)
    imported("--from", "drf-authtoken", "--scopes-from-principal")
    assert [registry.expand(key.scopes) for key in APIKey.objects.order_by("pk")] == [
        {"docs:read"},
        {"docs:read", "docs:write"},
    ]


def test_keys_that_are_guarded_altogether_are_not_imported_and_the_report_says_why(make_user, auth_tokens, policy):  # noqa: F811
    policy(SCOPES=["*"])
    auth_tokens(make_user("ann", "docs:read").pk)
    (skipped,) = imported("--from", "drf-authtoken", "--scopes-from-principal")["skipped"]
    assert "another person's approval" in skipped["reason"]
    assert not APIKey.objects.exists()


def test_a_log_in_of_knox_gives_no_guarded_scope(ann, settings):
    settings.ROOT_URLCONF = "tests.contrib.knox_urls"
    basic = b64encode(b"ann:secret").decode()
    answer = APIClient().post("/api/auth/login/", secure=True, HTTP_AUTHORIZATION=f"Basic {basic}")
    assert answer.status_code == 200
    assert "docs:delete" not in registry.expand(APIKey.objects.get().scopes)


def test_nobody_floods_the_approvers(ann, ask, monkeypatch):
    monkeypatch.setattr(approvals, "MOST_A_DAY", 2)
    assert [ask(ann).status_code for _time in range(3)] == [202, 202, 400]
    KeyRequest.objects.update(status="withdrawn")
    assert ask(ann).status_code == 400


def test_nothing_else_in_the_package_makes_or_widens_a_key():
    """A new place that writes keys must pass the policy, and be named here."""
    import re
    from pathlib import Path

    import django_apiaccess

    root = Path(django_apiaccess.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(
            r"\bAPIKey\(\s*\n\s+name=|APIKey\.objects\.(bulk_)?create\(|\b(keys|service)\.(issue|change)\(",
            path.read_text(),
        )
    }
    assert found == {
        "contrib/knox/views.py",
        "keys/approvals/service.py",
        "keys/importers/run.py",
        "keys/service.py",
        "management/commands/create_api_key.py",
    }


def test_without_a_policy_everything_is_as_before(settings, ann, ask):
    settings.API_ACCESS = {key: value for key, value in settings.API_ACCESS.items() if key != "APPROVALS"}
    assert ask(ann).status_code == 201


def test_an_end_that_is_over_at_the_claim_makes_no_key(ann, bob, ask, session_of):
    number = ask(ann, expires_at="1h").json()["id"]
    step(session_of(bob), number, "approve")
    KeyRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert step(session_of(ann), number, "claim").status_code == 400
    assert KeyRequest.objects.get().status == "approved"


def test_a_request_of_an_administrator_is_claimed_only_while_they_may_make_keys(make_user, bob, session_of):
    mona = allow(make_user("mona", "docs:delete"), "add_apikey")
    eve = make_user("eve", "docs:delete")
    made = approvals.issue(by=Actor.of_user(mona), principal=eve, name="x", scopes=["docs:delete"], justification=WHY)
    step(session_of(bob), made.pk, "approve")
    mona.user_permissions.clear()
    assert told(step(session_of(mona), made.pk, "claim")) == (403, "four_eyes")
    assert step(session_of(eve), made.pk, "claim").status_code == 404
    allow(mona, "add_apikey")
    assert step(session_of(mona), made.pk, "claim").json()["principal"] == "eve"
