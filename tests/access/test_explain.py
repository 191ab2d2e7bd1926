"""`explain_access` says what a live request would meet, and why. It writes nothing."""

import json
import random
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.access.explain import explain_key, explain_user
from django_apiaccess.events.models import Event
from django_apiaccess.exceptions import UnknownName
from django_apiaccess.keys import accounts
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.lookup import load
from django_apiaccess.keys.models import APIKey
from django_apiaccess.keys.usage import usage
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens.models import TokenSession
from tests.testapp.models import Document
from tests.tokens.people import log_in

pytestmark = pytest.mark.django_db

SCOPES = ["docs:read", "docs:write", "docs:delete", "docs:*", "reports:read"]
PATHS = [
    "/report/",
    "/undeclared/",
    "/open/",
    "/read-only/",
    "/role-only/",
    "/admin-only/",
    "/anybody/",
    "/either/",
    "/both/",
    "/documents/",
    "/documents/{}/",
    "/documents/{}/publish/",
    "/documents/{}/stamp/",
    "/unfiltered/",
    "/unfiltered/{}/",
    "/model-permissions/",
    "/parcels/",
    "/access/me/",
]


def explained(*args):
    """Exit status and JSON of the command."""
    out, code = StringIO(), 0
    try:
        call_command("explain_access", *args, "--format", "json", stdout=out, stderr=StringIO())
    except SystemExit as end:
        code = end.code
    return code, json.loads(out.getvalue())


def live(client, method, path, **headers):
    """Whether access was given: an answer that is no refusal. 415, 400 and the like come after access."""
    return client.generic(method, path, **headers).status_code not in {401, 403}


def give_scopes(issued, *scopes):
    """Scopes that its principal need not hold, as when grants were taken after it was issued."""
    APIKey.objects.filter(pk=issued.key.pk).update(scopes=scopes)


def explain_or_not_offered(explain, *args, **options):
    """The explanation; None for a method that the view does not take, which a live request would learn as 405, or be refused before."""
    try:
        return explain(*args, **options)
    except UnknownName:
        return None


def random_principal(chance, make_user, make_role, operator):
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    make_role("cleaner", "docs:delete", parents=["editor"] if chance.random() < 0.5 else [])
    user = make_user("ann", is_staff=chance.random() < 0.4, is_superuser=chance.random() < 0.15)
    group = Group.objects.create(name="staff")
    user.groups.add(group)
    documents = [Document.objects.create(title=f"plan {index}") for index in range(3)]
    for _ in range(chance.randint(0, 4)):
        right = (
            {"role": chance.choice(["reader", "editor", "cleaner"])}
            if chance.random() < 0.5
            else {"scope": chance.choice(SCOPES)}
        )
        holder = {"user": user} if chance.random() < 0.7 else {"group": group}
        roles.grant(**right, **holder, on=chance.choice([None, *documents]), by=operator)
    return user, documents


def random_request(chance, documents):
    path = chance.choice(PATHS).format(chance.choice([*(document.pk for document in documents), 999]))
    method = chance.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    return method, path


@pytest.mark.parametrize("seed", range(10))
def test_the_verdict_on_a_key_is_that_of_the_live_request(seed, make_user, make_role, make_key, client_of, operator):
    chance = random.Random(seed)
    user, documents = random_principal(chance, make_user, make_role, operator)
    fields = {}
    if chance.random() < 0.25:
        fields["networks"] = chance.choice(["127.0.0.0/8", "203.0.113.0/24"])
    if chance.random() < 0.15:
        fields["origins"] = "https://shop.example"
    issued = make_key(user, **fields)
    give_scopes(issued, *chance.sample(SCOPES, chance.randint(0, 3)))
    fate = chance.random()
    if fate < 0.06:
        APIKey.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    elif fate < 0.12:
        keys.revoke(issued.key, reason="test", by=operator)
    elif fate < 0.18:
        type(user).objects.update(is_active=False)
    client, public_id = client_of(issued), issued.text.split("_")[1]
    asked = 0
    for _ in range(14):
        method, path = random_request(chance, documents)
        origin = chance.choice(["", "https://shop.example", "https://other.example"])
        headers = {"HTTP_ORIGIN": origin} if origin else {}
        found = explain_or_not_offered(explain_key, load(public_id), method, path, address="127.0.0.1", origin=origin)
        if found is None:
            assert client.generic(method, path, **headers).status_code in {401, 403, 405}
            continue
        asked += 1
        assert found.allowed == live(client, method, path, **headers), (
            method,
            path,
            "\n".join(line for part in found.parts for line in part.lines()),
        )
    assert asked


@pytest.mark.parametrize("seed", range(8))
def test_the_verdict_on_a_user_is_that_of_the_live_session(seed, make_user, make_role, operator):
    chance = random.Random(1000 + seed)
    user, documents = random_principal(chance, make_user, make_role, operator)
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if chance.random() < 0.1:
        type(user).objects.update(is_active=False)
        user.refresh_from_db()
    for _ in range(14):
        method, path = random_request(chance, documents)
        found = explain_or_not_offered(
            explain_user, type(user).objects.get(pk=user.pk), method, path, address="127.0.0.1"
        )
        if found is None:
            assert client.generic(method, path).status_code in {401, 403, 405}
            continue
        assert found.allowed == live(client, method, path), (method, path, found)


def test_it_names_the_role_that_a_scope_comes_from(make_user, make_role):
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    make_user("ann", role="editor")
    code, found = explained("--user", "ann", "POST", "/documents/")
    assert (code, found["allowed"], found["reason"]) == (0, True, None)
    assert found["parts"][-1]["from"] == ["direct grant -> role editor -> docs:write"]


def test_it_says_which_half_is_missing(make_user, make_key):
    ann = make_user("ann", "docs:read")
    granted_only, held_only = make_key(ann), make_key(ann)
    give_scopes(granted_only, "reports:read")
    code, found = explained("--key", str(granted_only.key.pk), "GET", "/report/")
    assert (code, found["reason"], found["status"]) == (1, "scope_missing", 403)
    assert "granted it, but its principal does not hold it" in found["detail"]
    _code, found = explained("--key", str(held_only.key.pk), "GET", "/documents/")
    assert "the key was not granted it" in found["detail"]
    assert found["parts"][-1]["from"] == ["direct grant -> docs:read"]


def test_every_part_of_a_combined_requirement_is_told(make_user, make_role):
    make_role("editor", "docs:delete")
    make_user("ann", "docs:delete")
    _code, found = explained("--user", "ann", "DELETE", "/documents/1/")
    both = found["parts"][-1]
    assert [(part["text"], part["allowed"]) for part in both["parts"]] == [
        ('HasScope("docs:delete")', True),
        ('HasRole("editor")', False),
    ]
    assert (found["reason"], found["status"]) == ("role_missing", 403)


def test_every_reason_against_a_key_is_told_not_only_the_first(make_user, make_key, operator):
    issued = make_key(
        make_user("ann", "docs:read"), "docs:read", networks="203.0.113.0/24", origins="https://shop.example"
    )
    keys.revoke(issued.key, reason="test", by=operator)
    _code, found = explained("--key", str(issued.key.pk), "--from-address", "198.51.100.1", "GET", "/documents/")
    told = {part["step"]: [inner["reason"] for inner in part.get("parts", ())] for part in found["parts"]}
    assert (found["status"], found["reason"]) == (401, "revoked")
    assert told["status"] == ["revoked"]
    assert told["restrictions"] == ["network_not_allowed", "origin_not_allowed"]


def test_a_retired_secret_is_found_by_the_public_id_in_its_text(make_user, make_key, operator):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    keys.rotate(issued.key, by=operator, grace=timedelta(0))
    code, found = explained("--key", issued.text.split("_")[1], "GET", "/documents/")
    assert (code, found["reason"]) == (1, "secret_retired")
    assert explained("--key", str(issued.key.pk), "GET", "/documents/")[0] == 0


def test_a_view_that_nobody_guards_refuses_keys_but_not_its_users(make_user, make_key):
    issued = make_key(make_user("ann", is_superuser=True), "docs:*")
    _code, found = explained("--key", str(issued.key.pk), "GET", "/anybody/")
    assert (found["allowed"], found["reason"]) == (False, "undeclared")
    assert explained("--user", "ann", "GET", "/anybody/")[1]["allowed"] is True


def test_a_right_on_one_object_is_explained_on_that_object(make_user, operator):
    mine, other = (Document.objects.create(title=title) for title in ("mine", "other"))
    roles.grant(user=make_user("ann"), scope="docs:read", on=mine, by=operator)
    _code, found = explained("--user", "ann", "GET", f"/documents/{mine.pk}/")
    assert found["allowed"] is True
    asked = next(part for part in found["parts"] if part["step"] == "scope")
    assert asked["from"] == [f"direct grant -> docs:read on testapp.document:{mine.pk}"]
    assert explained("--user", "ann", "GET", f"/documents/{other.pk}/")[1]["reason"] == "object_not_granted"


def test_it_writes_nothing(make_user, make_key):
    usage.flush()  # what other tests left behind
    issued = make_key(make_user("ann", "docs:read"), "docs:read", rate="1/min")
    before = Event.objects.count()
    for _ in range(3):
        explained("--key", str(issued.key.pk), "GET", "/documents/")
        explained("--user", "ann", "GET", "/undeclared/")
        explained("--user", "ann", "GET", "/role-only/")
    usage.flush()
    issued.key.refresh_from_db()
    assert (Event.objects.count(), issued.key.use_count, issued.key.last_used_at) == (before, 0, None)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--user", "an", "GET", "/report/"), "Did you mean 'ann'?"),
        (("--key", "77777", "GET", "/report/"), "Unknown key '77777'"),
        (("--user", "ann", "GTE", "/report/"), "Did you mean 'GET'?"),
        (("--user", "ann", "GET", "/reprot/"), "Did you mean '/report/'?"),
        (("--user", "ann", "GET", "/report"), "Did you mean '/report/'?"),
        (("--user", "ann", "DELETE", "/report/"), "takes GET, OPTIONS, not DELETE"),
        (("--user", "ann", "GET", "/admin/"), "none of DRF's"),
        (("--user", "ann", "--from-address", "1.2.3", "GET", "/report/"), "is no address"),
    ],
)
def test_a_name_that_is_not_known_gives_the_nearest_and_valid_json(args, message, make_user):
    make_user("ann")
    out = StringIO()
    with pytest.raises(CommandError, match=message.replace("?", r"\?")):
        call_command("explain_access", *args, "--format", "json", stdout=out, stderr=StringIO())
    found = json.loads(out.getvalue())
    assert found["allowed"] is False
    assert message in found["detail"]


def test_the_text_is_the_decision_part_by_part(make_user, make_role):
    make_role("editor", "docs:delete")
    make_user("ann", role="editor")
    out = StringIO()
    call_command("explain_access", "--user", "ann", "DELETE", "/documents/1/", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("DELETE /documents/1/ (tests.testapp.views.DocumentViewSet): allowed")
    assert '    yes HasRole("editor")' in lines
    assert "          from direct grant -> role editor -> docs:delete" in lines


# -- the steps


def steps_of(found):
    return [part["step"] for part in found["parts"]]


def test_a_key_from_stdin_shows_its_form_its_checksum_and_its_look_up_and_is_not_echoed(
    make_user, make_key, monkeypatch
):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    monkeypatch.setattr("sys.stdin", StringIO(f"{issued.text}\n"))
    out = StringIO()
    call_command("explain_access", "--credential", "-", "GET", "/documents/", "--format", "json", stdout=out)
    found = json.loads(out.getvalue())
    assert steps_of(found) == ["parse", "transport", "checksum", "look_up", "status", "restrictions", "scope"]
    assert issued.text[20:] not in out.getvalue()


@pytest.mark.parametrize(
    ("spoil", "step", "reason"),
    [
        (lambda text: f"{text[:-1]}{'a' if text[-1] != 'a' else 'b'}", "checksum", "checksum"),
        (lambda text: text[:40], "checksum", "checksum"),
        (lambda text: "two words and more", "parse", "malformed"),
        (lambda text: "eyJhbGciOiJub25lIn0.e30.", "parse", "malformed"),
        (lambda text: "Bearer nothing-of-ours", "parse", "unrecognised"),
    ],
)
def test_a_credential_that_is_none_ends_where_it_ends_live(spoil, step, reason, make_user, make_key, monkeypatch):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    monkeypatch.setattr("sys.stdin", StringIO(spoil(issued.text)))
    code, found = explained("--credential", "-", "GET", "/documents/")
    assert (code, found["parts"][-1]["step"], found["reason"], found["status"]) == (1, step, reason, 401)


def test_a_key_that_is_shown_is_not_re_signed_under_the_first_pepper(make_user, make_key, monkeypatch, settings):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    digest = issued.key.secrets.get().digest
    settings.API_ACCESS = {"PEPPERS": ["another-pepper-of-the-suite-0123456789", *settings.API_ACCESS["PEPPERS"]]}
    monkeypatch.setattr("sys.stdin", StringIO(issued.text))
    assert explained("--credential", "-", "GET", "/documents/")[0] == 0
    assert issued.key.secrets.get().digest == digest


def test_what_is_left_of_a_rate_is_told_without_taking_of_it(make_user, make_key, client_of):
    issued = make_key(make_user("ann", "docs:read"), "docs:read", rate="2/day")
    for _ in range(3):
        assert (
            explained("--key", str(issued.key.pk), "GET", "/read-only/")[1]["parts"][-1]["detail"]
            == "2 left in this window"
        )
    for _ in range(2):
        assert client_of(issued).get("/read-only/").status_code == 200
    code, found = explained("--key", str(issued.key.pk), "GET", "/read-only/")
    assert (code, found["status"], found["reason"]) == (1, 429, "rate_limited")


def test_an_imagined_role_needs_no_user_and_writes_none(make_role, django_user_model):
    make_role("editor", "docs:write")
    assert explained("--role", "editor", "POST", "/documents/")[0] == 0
    assert explained("--role", "editor", "--scope", "docs:read", "POST", "/documents/")[1]["reason"] == "scope_missing"
    assert not django_user_model.objects.exists()


def test_a_grant_counts_at_the_moment_that_is_asked_for(make_user, operator):
    ann, now = make_user("ann"), timezone.now()
    plan = Document.objects.create(title="plan")
    roles.grant(user=ann, scope="docs:read", on=plan, starts_at=now + timedelta(days=2), by=operator)
    path = f"/documents/{plan.pk}/"
    assert explained("--user", "ann", "GET", path)[1]["reason"] == "scope_missing"
    assert explained("--user", "ann", "--at", "3d", "GET", path)[0] == 0
    issued = roles.grant(user=ann, scope="reports:read", ends_at=now + timedelta(days=1), by=operator)
    assert issued.pk
    assert explained("--user", "ann", "GET", "/report/")[0] == 0
    assert explained("--user", "ann", "--at", "2d", "GET", "/report/")[0] == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "mfa_missing"),
        (("--acr", "aal2"), None),
        (("--acr", "aal2", "--auth-age", "10m"), "mfa_too_old"),
    ],
)
def test_a_step_up_is_asked_for_as_live(options, reason, make_user):
    plan = Document.objects.create(title="plan")
    make_user("ann", "docs:write")
    found = explained("--user", "ann", *options, "POST", f"/documents/{plan.pk}/publish/")[1]
    assert (found["reason"], found["status"]) == (reason, None if reason is None else 401)


# -- the smallest grant


@pytest.mark.parametrize(
    ("held", "granted", "request_line", "wanted"),
    [
        ((), ("docs:read",), ("GET", "/documents/"), {"scopes": ["docs:read"]}),
        (("docs:read",), (), ("GET", "/documents/"), {"credential_scopes": ["docs:read"]}),
        ((), (), ("GET", "/documents/"), {"scopes": ["docs:read"], "credential_scopes": ["docs:read"]}),
        (("docs:delete",), ("docs:delete",), ("DELETE", "/documents/{}/"), {"roles": ["editor"]}),
        ((), ("docs:*",), ("DELETE", "/documents/{}/"), {"roles": ["editor"], "scopes": ["docs:delete"]}),
    ],
)
def test_the_smallest_grant_is_told_and_with_it_the_request_is_allowed(
    held, granted, request_line, wanted, make_user, make_role, make_key, client_of, operator
):
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    plan = Document.objects.create(title="plan")
    ann = make_user("ann", *held)
    issued = make_key(ann)
    give_scopes(issued, *granted)
    method, path = request_line[0], request_line[1].format(plan.pk)
    advice = explained("--key", str(issued.key.pk), "--advise", method, path)[1]["advice"]
    told = {name: advice[name] for name in ("scopes", "roles", "credential_scopes")}
    assert told == {"scopes": [], "roles": [], "credential_scopes": [], **wanted}
    on = None if advice["on"] is None else plan
    for right in [*({"scope": name} for name in advice["scopes"]), *({"role": name} for name in advice["roles"])]:
        roles.grant(user=ann, **right, on=on, by=operator)
    give_scopes(issued, *granted, *advice["credential_scopes"])
    assert live(client_of(issued), method, path)


def test_a_grant_on_the_one_object_is_smaller_than_one_on_everything(make_user):
    plan = Document.objects.create(title="plan")
    make_user("ann")
    advice = explained("--user", "ann", "--advise", "GET", f"/documents/{plan.pk}/")[1]["advice"]
    assert (advice["scopes"], advice["on"]) == (["docs:read"], f"testapp.Document:{plan.pk}")


@pytest.mark.parametrize("path", ["/undeclared/", "/admin-only/"])
def test_where_no_grant_helps_that_is_said(path, make_user, make_key):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    advice = explained("--key", str(issued.key.pk), "--advise", "GET", path)[1]["advice"]
    assert (advice["possible"], advice["scopes"], advice["roles"]) == (False, [], [])
    assert advice["text"].startswith("No grant would allow it")


def test_a_revoked_key_is_beyond_advice(make_user, make_key, operator):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    keys.revoke(issued.key, reason="test", by=operator)
    advice = explained("--key", str(issued.key.pk), "--advise", "GET", "/documents/")[1]["advice"]
    assert (advice["possible"], "revoked" in advice["text"]) == (False, True)


def test_a_missing_factor_is_a_step_up_not_a_grant(make_user):
    plan = Document.objects.create(title="plan")
    make_user("ann", "docs:write")
    advice = explained("--user", "ann", "--acr", "aal1", "--advise", "POST", f"/documents/{plan.pk}/publish/")[1][
        "advice"
    ]
    assert (advice["scopes"], advice["roles"], advice["acr"], advice["rights_added"]) == ([], [], "aal2-sms", 0)


# -- who else can ask


def test_a_token_session_is_asked_about_by_its_id(make_user):
    make_user("ann", "docs:read")
    log_in("ann", scope="docs:read")
    session = TokenSession.objects.get()
    assert explained("--session", session.sid, "GET", "/documents/")[0] == 0
    assert explained("--session", session.sid, "POST", "/documents/")[1]["reason"] == "scope_missing"
    TokenSession.objects.update(revoked_at=timezone.now())
    code, found = explained("--session", session.sid, "GET", "/documents/")
    assert (code, found["reason"], found["status"]) == (1, "revoked", 401)
    assert "Did you mean" in explained_error("--session", session.sid[:-1], "GET", "/documents/")


def explained_error(*args):
    with pytest.raises(CommandError) as refused:
        call_command("explain_access", *args, stdout=StringIO(), stderr=StringIO())
    return str(refused.value)


def test_nobody_and_a_service_account_are_asked_about(make_user, operator):
    assert explained("--anonymous", "GET", "/open/")[0] == 0
    assert explained("--anonymous", "GET", "/documents/")[1]["reason"] == "no_credential"
    robot = accounts.create_service_account(name="robot", owner=make_user("ann"), purpose="test", by=operator)
    roles.grant(user=robot.user, scope="docs:read", by=operator)
    assert explained("--service-account", "robot", "GET", "/documents/")[0] == 0
    assert explained("--service-account", "robot", "GET", "/anybody/")[1]["reason"] == "undeclared"


def test_scopes_go_with_those_who_have_none_of_their_own(make_user, make_key, monkeypatch):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    assert "goes with --user" in explained_error("--key", str(issued.key.pk), "--scope", "docs:read", "GET", "/open/")
    assert "Did you mean" in explained_error("--user", "ann", "--scope", "docs:raed", "GET", "/open/")
    monkeypatch.setattr("sys.stdin", StringIO(" \n"))
    assert "Nothing is on stdin" in explained_error("--credential", "-", "GET", "/open/")
