"""The token endpoints over HTTP: what they answer to right, wrong and hostile requests."""

import json

import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from django_apiaccess.authn.models import FailureCounter
from django_apiaccess.events.models import Event
from django_apiaccess.tokens.models import RefreshToken, TokenSession
from tests.authn.challenges import read_challenges

pytestmark = pytest.mark.django_db

TOKEN = "/access/token/"
REFRESH = "/access/token/refresh/"
REVOKE = "/access/token/revoke/"
INTROSPECT = "/access/token/introspect/"
SESSIONS = "/access/sessions/"
OPEN = [TOKEN, REFRESH, REVOKE]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write", "reports:read")


@pytest.fixture
def client():
    """Sees a 500 as an answer, not as an exception."""
    return APIClient(raise_request_exception=False)


def log_in(client, **fields):
    return client.post(TOKEN, {"username": "ann", "password": "secret", **fields})


def bearer(text):
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def told(response):
    return response.status_code, response.json().get("code")


def never_stored(response):
    return response["Cache-Control"] == "no-store" and response["Pragma"] == "no-cache"


# -- logging in


def test_a_log_in_answers_with_exactly_a_pair_of_tokens(ann, client):
    answer = log_in(client)
    assert answer.status_code == 200
    assert never_stored(answer)
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        600,
        "docs:read docs:write reports:read",
    )
    assert body["refresh_token"].startswith("rt_")
    assert not answer.cookies
    me = bearer(body["access_token"]).get("/access/me/").json()
    assert me["principal"]["username"] == "ann"
    assert (me["credential"]["kind"], me["amr"], me["acr"]) == ("jwt", ["pwd"], "aal1")


@pytest.mark.parametrize("scope", ["docs:read", ["docs:read"], " docs:read  docs:read "])
def test_a_log_in_may_ask_for_less(ann, client, scope):
    body = log_in(client, scope=scope).json()
    assert body["scope"] == "docs:read"
    caller = bearer(body["access_token"])
    assert caller.get("/read-only/").status_code == 200
    assert caller.get("/report/").status_code == 403


@pytest.mark.parametrize(
    ("scope", "hint"),
    [
        ("docs:raed", "Did you mean"),
        ("docs:delete", "does not hold"),
        ("docs:*", "does not hold"),
        ("*", ""),
        ("ünï", ""),
        (["docs:read", "no such"], ""),
    ],
)
def test_a_scope_that_is_unknown_or_not_held_makes_no_session(ann, client, scope, hint):
    answer = log_in(client, scope=scope)
    assert told(answer) == (400, "invalid_scope")
    assert hint in answer.json()["detail"]
    assert not TokenSession.objects.exists()


def test_a_form_logs_in_too(ann, client):
    answer = client.generic("POST", TOKEN, "username=ann&password=secret&scope=docs%3Aread", content_type=FORM)
    assert answer.status_code == 200
    assert answer.json()["scope"] == "docs:read"


def test_an_empty_scope_in_a_form_counts_as_none(ann, client):
    answer = client.generic("POST", TOKEN, "username=ann&password=secret&scope=", content_type=FORM)
    assert answer.json()["scope"] == "docs:read docs:write reports:read"


def test_wrong_and_unknown_are_one_answer_with_a_challenge(ann, client):
    wrong, unknown = log_in(client, password="wrong"), log_in(client, username="nobody")
    for answer in (wrong, unknown):
        assert told(answer) == (401, "invalid_credential")
        assert never_stored(answer)
        assert [found.scheme for found in read_challenges(answer["WWW-Authenticate"])] == ["api-key", "bearer"]
    assert wrong.content == unknown.content


def test_too_many_failures_say_how_long_to_wait(ann, client, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"ACCOUNT_FREE": 2}}
    codes = [log_in(client, password="wrong").status_code for _ in range(5)]
    assert codes[:2] == [401, 401]
    assert codes[-1] == 429
    answer = log_in(client)
    assert told(answer) == (429, "too_many_failures")
    assert int(answer["Retry-After"]) >= 1
    assert never_stored(answer)


def test_the_device_is_what_the_client_says_without_what_no_database_takes(ann, client):
    log_in(client, device="Ann's phone 📱")
    client.post(TOKEN, {"username": "ann", "password": "secret"}, HTTP_USER_AGENT="Mozilla\x00\x1b[31m" + "x" * 500)
    devices = list(TokenSession.objects.order_by("pk").values_list("device", flat=True))
    assert devices[0] == "Ann's phone 📱"
    assert devices[1] == "Mozilla[31m" + "x" * 139


# -- bodies of every wrong kind

HOSTILE = [
    "",
    "null",
    "3",
    "true",
    '"x"',
    "[]",
    '[{"username": "ann", "password": "secret"}]',
    "{",
    "{}{}",
    "NaN",
    '{"username": NaN}',
    "[" * 60_000,
    '{"a":' * 12_000,
    '{"username": "ann", "username": "bob", "password": "secret", "token": "x", "refresh_token": "x"}',
    '{"token": "a", "token": "b"}',
    '{"refresh_token": "a", "refresh_token": "b"}',
    '{"username": [], "password": {}, "token": [], "refresh_token": []}',
    '{"username": null, "password": null, "token": null, "refresh_token": null}',
    '{"username": true, "password": "secret", "token": true, "refresh_token": true}',
    '{"username": "a\\u0000b", "password": "secret", "token": "a\\u0000b", "refresh_token": "a\\u0000"}',
    '{"username": "\\ud800", "password": "\\udfff", "token": "\\ud800", "refresh_token": "\\ud800"}',
    '{"username": "", "password": "", "token": "", "refresh_token": ""}',
    json.dumps({"username": "u" * 256, "password": "x", "token": "t" * 8193, "refresh_token": "r" * 513}),
    json.dumps({"username": "ann", "password": "p" * 4097, "token": "t" * 8193, "refresh_token": "r" * 513}),
    json.dumps({"username": "ann", "password": "secret", "token": "x", "refresh_token": "x", "pad": "x" * 70_000}),
    '{"username": "ann", "password": "secret", "delivery": "carrier pigeon"}',
    '{"username": "ann", "password": "secret", "delivery": ["cookie"]}',
    '{"username": "ann", "password": "secret", "device": {}}',
    '{"username": "ann", "password": "secret", "device": "' + "x" * 151 + '"}',
]


@pytest.mark.parametrize("url", OPEN)
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body[:40])
def test_a_body_that_cannot_be_is_refused_with_our_code_and_begins_nothing(ann, client, url, body):
    answer = client.generic("POST", url, body, content_type="application/json")
    assert told(answer) == (400, "invalid_request")
    assert answer.json()["detail"]
    assert never_stored(answer)
    assert not TokenSession.objects.exists()


@pytest.mark.parametrize(
    "scope", [3, {}, [3], [["docs:read"]], None, "a\0b", ["a\0b"], ["\ud800"], "x" * 5000, True, [None]], ids=repr
)
@pytest.mark.parametrize("url", [TOKEN, REFRESH])
def test_a_scope_of_a_wrong_kind_is_refused(ann, client, url, scope):
    tokens = log_in(client).json()
    fields = {"username": "ann", "password": "secret", "refresh_token": tokens["refresh_token"], "scope": scope}
    answer = client.generic("POST", url, json.dumps(fields), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] in {"invalid_request", "invalid_scope"}
    assert TokenSession.objects.count() == 1
    assert client.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("url", OPEN)
@pytest.mark.parametrize(
    "form",
    [
        b"username=ann&username=ann&password=secret&token=a&token=b&refresh_token=a&refresh_token=b",
        b"&".join(b"a%d=1" % number for number in range(2000)),
        b"username=%00&password=%00&token=%00&refresh_token=%00",
        b"x=" + b"x" * 70_000,
        b"\xff\xfe=\xff",
    ],
    ids=lambda form: repr(form[:30]),
)
def test_a_form_that_cannot_be_is_refused(ann, client, url, form):
    answer = client.generic("POST", url, form, content_type=FORM)
    assert told(answer) == (400, "invalid_request")
    assert never_stored(answer)


@pytest.mark.parametrize("charset", ["rot13", "base64", "utf-16", "no-such", "latin-1", "idna"])
@pytest.mark.parametrize("url", OPEN)
def test_the_charset_that_a_client_claims_is_of_no_account(ann, client, url, charset):
    body = json.dumps({"username": "ann", "password": "wrong", "token": "x", "refresh_token": "x"})
    answer = client.generic("POST", url, body, content_type=f"application/json; charset={charset}")
    assert answer.status_code in {200, 400, 401}
    utf16 = client.generic("POST", url, body.encode("utf-16"), content_type=f"application/json; charset={charset}")
    assert told(utf16) == (400, "invalid_request")


@pytest.mark.parametrize("url", OPEN)
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "nonsense"])
def test_another_kind_of_body_is_415(client, url, kind):
    answer = client.generic("POST", url, '{"username": "ann"}', content_type=kind)
    assert told(answer) == (415, "unsupported_media_type")
    assert never_stored(answer)


@pytest.mark.parametrize("url", OPEN)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_only_post_is_taken(client, url, method):
    answer = client.generic(method, f"{url}?username=ann&password=secret&token=x")
    assert answer.status_code == 405
    assert sorted(answer["Allow"].split(", ")) == ["OPTIONS", "POST"]
    assert never_stored(answer)
    if method != "HEAD":
        assert told(answer) == (405, "method_not_allowed")


@pytest.mark.parametrize("url", [*OPEN, INTROSPECT, SESSIONS])
def test_the_question_of_a_browser_from_another_origin_changes_nothing_and_allows_nothing(ann, client, url):
    headers = {"HTTP_ORIGIN": "https://evil.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    answer = client.options(url, **headers)
    assert answer.status_code in {200, 401}
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert never_stored(answer)
    assert not answer.cookies


def test_the_answer_is_json_whatever_a_browser_prefers(ann, client):
    answer = client.post(TOKEN, {"username": "ann", "password": "secret"}, HTTP_ACCEPT="text/html, */*;q=0.1")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    refused = client.post(TOKEN, {"username": "ann", "password": "secret"}, HTTP_ACCEPT="text/html")
    assert told(refused) == (406, "not_acceptable")
    assert never_stored(refused)


# -- refreshing


def test_a_refresh_answers_with_another_pair(ann, client):
    first = log_in(client).json()
    answer = client.post(REFRESH, {"refresh_token": first["refresh_token"]})
    assert answer.status_code == 200
    assert never_stored(answer)
    second = answer.json()
    assert list(second) == list(first)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["scope"] == first["scope"]


def test_a_refresh_may_narrow_and_never_widens(ann, client):
    tokens = log_in(client, scope="docs:write").json()
    for wider in ("docs:write reports:read", "docs:*", "reports:read", "no:such", "ünï"):
        answer = client.post(REFRESH, {"refresh_token": tokens["refresh_token"], "scope": wider})
        assert told(answer) == (400, "invalid_scope"), wider
        assert never_stored(answer)
    narrow = client.post(REFRESH, {"refresh_token": tokens["refresh_token"], "scope": "docs:read"}).json()
    assert narrow["scope"] == "docs:read"
    assert bearer(narrow["access_token"]).get("/access/me/").json()["scopes"] == ["docs:read"]
    again = client.post(REFRESH, {"refresh_token": narrow["refresh_token"]}).json()
    assert again["scope"] == "docs:write"


@pytest.mark.parametrize("text", ["x", "rt_", "rt_ünï", " ", "rt_" + "0" * 12 + "_" + "0" * 49])
def test_what_is_no_refresh_token_is_an_invalid_grant(client, text):
    answer = client.post(REFRESH, {"refresh_token": text})
    assert answer.json() == {"detail": "The refresh token is not valid.", "code": "invalid_grant"}
    assert answer.status_code == 400
    assert "WWW-Authenticate" not in answer


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(ann, client):
    tokens = log_in(client).json()
    assert client.post(REFRESH, {"refresh_token": tokens["access_token"]}).status_code == 400
    assert told(bearer(tokens["refresh_token"]).get("/access/me/")) == (401, "invalid_credential")
    assert client.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 200


def test_a_replay_ends_the_session(ann, client, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REFRESH_GRACE": 0}
    first = log_in(client).json()
    second = client.post(REFRESH, {"refresh_token": first["refresh_token"]}).json()
    assert told(client.post(REFRESH, {"refresh_token": first["refresh_token"]})) == (400, "invalid_grant")
    assert told(client.post(REFRESH, {"refresh_token": second["refresh_token"]})) == (400, "invalid_grant")
    assert told(bearer(second["access_token"]).get("/access/me/")) == (401, "invalid_credential")


# -- logging out (RFC 7009)


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
@pytest.mark.parametrize("as_form", [False, True])
def test_either_token_ends_the_session_whatever_the_hint(ann, client, which, hint, as_form):
    tokens = log_in(client).json()
    fields = {"token": tokens[which], **({"token_type_hint": hint} if hint else {})}
    if as_form:
        body = "&".join(f"{name}={value}" for name, value in fields.items())
        answer = client.generic("POST", REVOKE, body, content_type=FORM)
    else:
        answer = client.post(REVOKE, fields)
    assert (answer.status_code, answer.content) == (200, b"")
    assert never_stored(answer)
    assert told(bearer(tokens["access_token"]).get("/access/me/")) == (401, "invalid_credential")
    assert told(client.post(REFRESH, {"refresh_token": tokens["refresh_token"]})) == (400, "invalid_grant")


@pytest.mark.parametrize("text", ["x", "a.b.c", "rt_x", "ünï", "rt_" + "0" * 12 + "_" + "0" * 49])
def test_unknown_tokens_get_the_answer_of_known_ones(client, text):
    answer = client.post(REVOKE, {"token": text})
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_api_key_is_not_revoked_here(ann, client, make_key, client_of):
    key = make_key(ann, "docs:read")
    assert client.post(REVOKE, {"token": key.text}).status_code == 200
    assert client_of(key).get("/read-only/").status_code == 200


def test_logging_out_ends_that_session_only(ann, client):
    one, two = log_in(client).json(), log_in(client).json()
    client.post(REVOKE, {"token": one["refresh_token"]})
    assert bearer(two["access_token"]).get("/access/me/").status_code == 200


# -- introspection (RFC 7662)


@pytest.fixture
def resource_server(make_user, make_key, client_of):
    return client_of(make_key(make_user("server", "tokens:introspect"), "tokens:introspect"))


def test_an_access_token_is_described_to_who_may_ask(ann, client, resource_server):
    tokens = log_in(client, scope="docs:read").json()
    answer = resource_server.post(INTROSPECT, {"token": tokens["access_token"], "token_type_hint": "access_token"})
    assert answer.status_code == 200
    assert never_stored(answer)
    body = answer.json()
    session = TokenSession.objects.get()
    assert body["exp"] > body.pop("auth_time")
    expected = {
        "active": True,
        "scope": "docs:read",
        "client_id": "first-party",
        "username": "ann",
        "token_type": "Bearer",
        "sub": str(ann.pk),
        "iss": "urn:django-apiaccess",
        "aud": "urn:django-apiaccess",
        "sid": session.sid,
        "amr": ["pwd"],
        "acr": "aal1",
    }
    assert expected.items() <= body.items()
    assert all(isinstance(body[name], int) for name in ("exp", "iat") if name in body)


def test_a_refresh_token_is_described_and_stays_usable(ann, client, resource_server):
    tokens = log_in(client).json()
    answer = resource_server.generic("POST", INTROSPECT, f"token={tokens['refresh_token']}", content_type=FORM)
    body = answer.json()
    assert (body["active"], body["username"], body["client_id"]) == (True, "ann", "first-party")
    assert client.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 200


def test_whatever_is_not_active_says_only_that(ann, client, resource_server, make_key):
    ended, used, live = (log_in(client).json() for _ in range(3))
    client.post(REVOKE, {"token": ended["refresh_token"]})
    client.post(REFRESH, {"refresh_token": used["refresh_token"]})
    texts = [ended["access_token"], ended["refresh_token"], used["refresh_token"], make_key(ann, "docs:read").text]
    tampered = live["access_token"][:-4] + ("AAAA" if live["access_token"][-4:] != "AAAA" else "BBBB")
    for text in [*texts, tampered, "x", "a.b.c", "ünï", live["access_token"] + " "]:
        answer = resource_server.post(INTROSPECT, {"token": text})
        assert (answer.status_code, answer.json()) == (200, {"active": False}), text[:20]
        assert never_stored(answer)
    ann.is_active = False
    ann.save()
    for which in ("access_token", "refresh_token"):
        assert resource_server.post(INTROSPECT, {"token": live[which]}).json() == {"active": False}


def test_who_may_not_ask_learns_nothing(ann, client, make_key, client_of):
    tokens = log_in(client).json()
    asked = {"token": tokens["access_token"]}
    nobody = client.post(INTROSPECT, asked)
    assert told(nobody) == (401, "not_authenticated")
    assert [found.scheme for found in read_challenges(nobody["WWW-Authenticate"])] == ["api-key", "bearer", "dpop"]
    for caller in (client_of(make_key(ann, "docs:read")), bearer(tokens["access_token"])):
        answer = caller.post(INTROSPECT, asked)
        assert told(answer) == (403, "insufficient_scope")
        assert answer.json()["missing"] == ["tokens:introspect"]
        assert never_stored(answer)
    assert never_stored(nobody)


@pytest.mark.parametrize("body", HOSTILE[:12] + HOSTILE[14:15], ids=lambda body: body[:40])
def test_a_question_that_cannot_be_is_refused(resource_server, body):
    answer = resource_server.generic("POST", INTROSPECT, body, content_type="application/json")
    assert told(answer) == (400, "invalid_request")
    assert never_stored(answer)


def test_a_token_is_not_asked_about_in_a_url(resource_server):
    answer = resource_server.get(f"{INTROSPECT}?token=x")
    assert told(answer) == (405, "method_not_allowed")
    assert sorted(answer["Allow"].split(", ")) == ["OPTIONS", "POST"]


# -- where I am logged in


def test_the_list_shows_my_sessions_and_marks_this_one(ann, client):
    log_in(client, device="phone")
    tokens = log_in(client, device="laptop", scope="docs:read").json()
    answer = bearer(tokens["access_token"]).get(SESSIONS)
    assert answer.status_code == 200
    assert never_stored(answer)
    body = answer.json()
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)
    laptop, phone = body["results"]
    assert (laptop["device"], laptop["current"], phone["device"], phone["current"]) == ("laptop", True, "phone", False)
    assert laptop["scope"] == "docs:read"
    assert laptop["created_from"] == "127.0.0.1"
    assert set(laptop) == {
        *("id", "current", "client_id", "device", "scope", "amr", "acr", "auth_time"),
        *("created_at", "created_from", "last_used_at", "last_used_from", "expires_at"),
    }
    assert laptop["amr"] == ["pwd"]


def test_no_secret_is_in_the_list(ann, client):
    tokens = log_in(client).json()
    content = bearer(tokens["access_token"]).get(SESSIONS).content.decode()
    stored = RefreshToken.objects.get()
    session = TokenSession.objects.get()
    for secret in (tokens["refresh_token"][16:], stored.digest, stored.public_id, session.password_mark):
        assert secret not in content


def test_a_session_is_read_and_ended_by_its_id_and_as_current(ann, client):
    other, mine = log_in(client).json(), log_in(client).json()
    caller = bearer(mine["access_token"])
    current = caller.get(f"{SESSIONS}current/").json()
    assert current["current"] is True
    assert caller.get(f"{SESSIONS}{current['id']}/").json() == current
    (other_id,) = (row["id"] for row in caller.get(SESSIONS).json()["results"] if not row["current"])
    assert caller.delete(f"{SESSIONS}{other_id}/").status_code == 204
    assert told(bearer(other["access_token"]).get("/access/me/")) == (401, "invalid_credential")
    assert told(caller.delete(f"{SESSIONS}{other_id}/")) == (404, "not_found")
    ended = caller.delete(f"{SESSIONS}current/")
    assert (ended.status_code, ended.content) == (204, b"")
    assert told(caller.get("/access/me/")) == (401, "invalid_credential")
    assert told(client.post(REFRESH, {"refresh_token": mine["refresh_token"]})) == (400, "invalid_grant")


def test_all_sessions_end_at_once_and_nobody_elses(ann, client, make_user):
    make_user("bob")
    bob = client.post(TOKEN, {"username": "bob", "password": "secret"}).json()
    one, two = log_in(client).json(), log_in(client).json()
    assert bearer(one["access_token"]).delete(SESSIONS).json() == {"ended": 2}
    for tokens in (one, two):
        assert told(bearer(tokens["access_token"]).get("/access/me/")) == (401, "invalid_credential")
    assert bearer(bob["access_token"]).get("/access/me/").status_code == 200


def test_the_sessions_of_other_people_are_not_there(ann, client, make_user):
    make_user("bob", is_superuser=True)
    mine = log_in(client).json()
    sid = TokenSession.objects.get().sid
    bob = bearer(client.post(TOKEN, {"username": "bob", "password": "secret"}).json()["access_token"])
    for method in (bob.get, bob.delete):
        answer = method(f"{SESSIONS}{sid}/")
        assert told(answer) == (404, "not_found")
        assert answer.json()["detail"] == "Not found."
        assert never_stored(answer)
    assert bearer(mine["access_token"]).get("/access/me/").status_code == 200


@pytest.mark.parametrize("name", ["0", "current", "ünï", "%00", "a b", "x" * 500, "..%2f"])
def test_an_id_that_is_none_is_not_found(ann, client, name):
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(f"{SESSIONS}{name}/")
    assert answer.status_code == 404


def test_an_api_key_has_no_sessions_and_ends_none(ann, client, make_key, client_of):
    tokens = log_in(client).json()
    sid = TokenSession.objects.get().sid
    key = client_of(make_key(ann, "docs:read"))
    assert key.get(SESSIONS).json()["results"] == []
    for path in (f"{SESSIONS}{sid}/", f"{SESSIONS}current/"):
        assert told(key.get(path)) == (404, "not_found")
        assert told(key.delete(path)) == (404, "not_found")
    assert key.delete(SESSIONS).json() == {"ended": 0}
    assert bearer(tokens["access_token"]).get("/access/me/").status_code == 200


def test_without_a_credential_there_is_no_list(client):
    for method in (client.get, client.delete):
        answer = method(SESSIONS)
        assert told(answer) == (401, "not_authenticated")
        assert never_stored(answer)


def test_a_session_of_the_site_needs_the_csrf_proof_to_end_sessions(ann, client):
    tokens = log_in(client).json()
    site = APIClient(enforce_csrf_checks=True)
    site.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    assert told(site.delete(SESSIONS)) == (403, "csrf_failed")
    assert bearer(tokens["access_token"]).get("/access/me/").status_code == 200


def test_the_list_has_no_other_methods(ann, client):
    caller = bearer(log_in(client).json()["access_token"])
    answer = caller.post(SESSIONS, {})
    assert told(answer) == (405, "method_not_allowed")
    assert "POST" not in answer["Allow"]
    assert caller.patch(f"{SESSIONS}current/", {"device": "x"}).status_code == 405


# -- transport


@pytest.mark.parametrize("url", OPEN)
def test_a_secret_in_the_clear_is_refused_before_it_is_looked_at(ann, client, settings, url):
    tokens = log_in(client).json()
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    fields = {"username": "ann", "password": "secret", **tokens, "token": tokens["refresh_token"]}
    fields.pop("scope")
    answer = client.post(url, fields)
    assert told(answer) == (403, "insecure_transport")
    assert never_stored(answer)
    assert TokenSession.objects.filter(revoked_at=None).count() == 1
    assert client.post(url, fields, secure=True).status_code == 200


def test_the_names_of_the_endpoints_can_be_reversed():
    assert reverse("apiaccess-token") == TOKEN
    assert reverse("apiaccess-session-detail", kwargs={"id": "current"}) == f"{SESSIONS}current/"


# -- in a project whose requests are transactions


@pytest.mark.django_db(transaction=True)
def test_what_a_refused_request_wrote_stays_written(make_user, client, settings, monkeypatch):
    make_user("ann")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    settings.API_ACCESS = {**settings.API_ACCESS, "REFRESH_GRACE": 0}
    inside = []

    def nobody(**_credentials):
        inside.append(connection.in_atomic_block)

    with monkeypatch.context() as patch:
        patch.setattr("django_apiaccess.passwords.service.authenticate", nobody)
        assert log_in(client, password="wrong").status_code == 401
    assert inside == [False], "the attempt is counted, for all to see, before the password is looked at"
    assert FailureCounter.objects.filter(count__gte=1).exists()
    assert Event.objects.filter(action="login.refused").exists()
    first = log_in(client).json()
    client.post(REFRESH, {"refresh_token": first["refresh_token"]})
    assert client.post(REFRESH, {"refresh_token": first["refresh_token"]}).status_code == 400
    assert not TokenSession.objects.live().exists()
    assert Event.objects.filter(action="refresh.replayed").exists()
