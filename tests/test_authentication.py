"""Credentials in requests: well formed, spoiled, doubled, misplaced; what each kind refuses, and how it looks from outside."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone
from django.views.debug import ExceptionReporter
from rest_framework.test import APIClient

from django_apiaccess.authn.client import where_of
from django_apiaccess.background import flusher
from django_apiaccess.core import digests
from django_apiaccess.events.models import Event
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.lookup import statement
from django_apiaccess.keys.models import APIKeySecret

from .authn.challenges import read_challenges

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.testapp.edge_urls")]
VIEW = "/edge/whoever/"


@pytest.fixture
def issued(make_user, make_key):
    return make_key(make_user("ann", "docs:read"), "docs:read")


def get(path=VIEW, **headers):
    return APIClient().get(path, **headers)


def code(response):
    return response.status_code, response.json().get("code")


# -- the ways to send it


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"HTTP_AUTHORIZATION": f"Api-Key {key}"},
        lambda key: {"HTTP_AUTHORIZATION": f"Bearer {key}"},
        lambda key: {"HTTP_X_API_KEY": key},
        lambda key: {"HTTP_AUTHORIZATION": f"api-key {key}"},
        lambda key: {"HTTP_AUTHORIZATION": f"API-KEY {key}"},
        lambda key: {"HTTP_AUTHORIZATION": f"bEaReR {key}"},
    ],
)
def test_the_three_ways_to_send_a_key_in_any_case_of_the_scheme(issued, headers):
    assert get(**headers(issued.text)).json() == {"user": "ann", "kind": "api_key"}


# -- spoiled headers


SPOILED = {
    "nothing": "",
    "a space": " ",
    "scheme only": "Api-Key",
    "scheme and space": "Api-Key ",
    "scheme and spaces": "Api-Key   ",
    "two spaces": "Api-Key  {key}",
    "tab": "Api-Key\t{key}",
    "space before": " Api-Key {key}",
    "space after": "Api-Key {key} ",
    "newline after": "Api-Key {key}\n",
    "NUL after": "Api-Key {key}\x00",
    "NUL within": "Api-Key ak_\x00",
    "padded": "Api-Key {key}=",
    "doubled": "Api-Key {key}{key}",
    "twice": "Api-Key {key} {key}",
    "quoted": 'Api-Key "{key}"',
    "angle brackets": "Api-Key <{key}>",
    "as a parameter": 'Api-Key key="{key}"',
    "truncated": "Api-Key {cut}",
    "mistyped": "Api-Key {mistyped}",
    "upper case": "Api-Key {upper}",
    "lower case": "Api-Key {lower}",
    "bearer truncated": "Bearer {cut}",
    "bearer mistyped": "Bearer {mistyped}",
    "no scheme": "{key}",
    "colon": "Api-Key: {key}",
    "latin-1": "Api-Key \xe9\xe9",
    "beyond latin-1": "Api-Key \u4e2d\u6587",
    "latin-1 scheme": "\xc4pi-Key {key}",
    "no-break space": "Api-Key\xa0{key}",
    "a megabyte": "Api-Key " + "a" * 2**20,
    "a megabyte of bearer": "Bearer ak_" + "a" * 2**20,
    "a megabyte of nothing": "a" * 2**20,
    "a megabyte of spaces": "Api-Key" + " " * 2**20,
    "a megabyte of commas": "Api-Key " + "," * 2**20,
    "nine kilobytes of commas and words": "Api-Key " + ", a" * 2700,
    "long scheme": "A" * 100 + " {key}",
    "one letter": "Bearer x",
    "undefined": "Bearer undefined",
    "null": "Bearer null",
    "a token of nobody": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "other prefix": "Api-Key sk_{rest}",
}


@pytest.fixture
def spoil(issued):
    key = issued.text
    mistyped = key[:-10] + ("a" if key[-10] != "a" else "b") + key[-9:]
    return lambda text: text.format(
        key=key, cut=key[:-1], mistyped=mistyped, upper=key.upper(), lower=key.lower(), rest=key[3:]
    )


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_header_is_a_401_without_a_query(spoil, name, django_assert_num_queries):
    header = spoil(SPOILED[name]) if "{" in SPOILED[name] else SPOILED[name]
    with django_assert_num_queries(0):
        response = get(HTTP_AUTHORIZATION=header)
    assert code(response) == (401, "invalid_credential")
    assert [found.scheme for found in read_challenges(response["WWW-Authenticate"])] == ["api-key", "bearer", "dpop"]
    assert read_challenges(response["WWW-Authenticate"])[1].parameters["error"] == "invalid_token"


@pytest.mark.parametrize(
    "value",
    ["", " ", "{key} ", " {key}", "{cut}", "{key}\n", "\xe9", "a" * 2**20, "{mistyped}", "Api-Key {key}", "undefined"],
)
def test_so_is_a_spoiled_key_header(spoil, value, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert code(get(HTTP_X_API_KEY=spoil(value))) == (401, "invalid_credential")


def test_every_single_character_edit_of_a_key_is_refused_without_a_query(issued, django_assert_num_queries):
    text = issued.text
    with django_assert_num_queries(0):
        for at in range(len(text)):
            for char in "0aZ_.":
                if char != text[at]:
                    assert get(HTTP_AUTHORIZATION=f"Bearer {text[:at]}{char}{text[at + 1 :]}").status_code == 401


@pytest.mark.parametrize(
    "header",
    [{"HTTP_AUTHORIZATION": "Api-Key {key}"}, {"HTTP_AUTHORIZATION": "Bearer {cut}"}, {"HTTP_X_API_KEY": "{key}x"}],
)
def test_spoiled_headers_on_post_put_and_unknown_methods(spoil, header):
    sent = {name: spoil(value) for name, value in header.items()}
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"):
        assert APIClient().generic(method, "/undeclared/", **sent).status_code < 500


# -- more than one


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_AUTHORIZATION": "Api-Key {key}", "HTTP_X_API_KEY": "{key}"},
        {"HTTP_AUTHORIZATION": "Basic dTpw", "HTTP_X_API_KEY": "{key}"},
        {"HTTP_AUTHORIZATION": "", "HTTP_X_API_KEY": "{key}"},
        {"HTTP_AUTHORIZATION": "Api-Key {key}, Api-Key {key}"},
        {"HTTP_AUTHORIZATION": "Api-Key {key},Bearer {key}"},
        {"HTTP_AUTHORIZATION": "Bearer x, Basic dTpw"},
        {"HTTP_AUTHORIZATION": "Basic dTpw, Api-Key {key}"},
        {"HTTP_X_API_KEY": "{key},{key}"},
        {"HTTP_X_API_KEY": "{key}, other"},
    ],
)
def test_two_credentials_on_one_request_are_refused(spoil, headers, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = get(**{name: spoil(value) for name, value in headers.items()})
    assert code(response) == (400, "ambiguous_credentials")
    assert read_challenges(response["WWW-Authenticate"])[1].parameters["error"] == "invalid_request"


# -- in the query string


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize(
    "query",
    [
        "api_key={key}",
        "{key}",
        "a=b&access_token={key}&c=d",
        "key=Api-Key%20{key}",
        "key={percent}",
        "key={every}",
        "key=%61%6B{tail}",
        "key=a%6b{tail}",
        "key={key}x",
        "pad=" + "x" * 9000 + "&key={key}",
        "%ff%fe={key}",
    ],
)
def test_a_key_in_the_query_string_is_refused_and_told_so(issued, method, query):
    text = issued.text
    every = "".join(f"%{ord(char):02x}" for char in text)
    query = query.format(key=text, percent=quote(text).replace("_", "%5F"), every=every, tail=text[2:])
    for headers in ({}, {"HTTP_AUTHORIZATION": f"Api-Key {text}"}):
        response = getattr(APIClient(), method)(f"{VIEW}?{query}", **headers)
        assert code(response) == (401, "credential_in_query"), query
        assert "in a header" in response.json()["detail"]
    event = Event.objects.filter(reason="credential_in_query").first()
    assert text[16:] not in str(event.__dict__)


@pytest.mark.parametrize(
    "query", ["q=ak_short", "q=100%25", "q=%", "q=%zz", "ak_=1", "q=break_up", "q=" + "%20" * 5000]
)
def test_other_query_strings_do_no_harm(issued, query):
    assert APIClient().get(f"{VIEW}?{query}", HTTP_AUTHORIZATION=f"Api-Key {issued.text}").status_code == 200


# -- other schemes, other authenticators


@pytest.mark.parametrize(
    "header",
    ["Basic dTpw", "Digest username=x", "Negotiate " + "YII" * 4000, "AWS4-HMAC-SHA256 Credential=a/b", "Word hello"],
)
def test_a_scheme_that_is_not_ours_is_no_credential_of_ours(header, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = get(HTTP_AUTHORIZATION=header)
    assert code(response) == (401, "not_authenticated")
    assert [found.scheme for found in read_challenges(response["WWW-Authenticate"])] == ["api-key", "bearer", "dpop"]


@pytest.mark.parametrize(
    "header",
    [
        "Word hello",
        "Token " + "a1" * 20,
        "Token " + "a1" * 32,
        "Bearer other.token.form",
        "Bearer " + "abcdefgh." + "x" * 32,
        "Negotiate " + "YII" * 4000,
    ],
)
def test_what_is_not_ours_is_left_to_the_next_authenticator(make_user, header):
    make_user("word")
    response = APIClient().get("/edge/ours-then-word/", HTTP_AUTHORIZATION=header)
    assert response.status_code == 200, response.json()
    assert response.json()["user"] == "word"


@pytest.mark.parametrize("header", ["Api-Key {cut}", "Bearer {cut}", "Bearer {mistyped}"])
def test_what_is_ours_and_wrong_is_left_to_nobody(make_user, spoil, header):
    make_user("word")
    assert code(APIClient().get("/edge/ours-then-word/", HTTP_AUTHORIZATION=spoil(header))) == (
        401,
        "invalid_credential",
    )


def test_a_token_of_an_imported_form_that_nobody_knows_is_a_401_where_we_are_last(db):
    for header in ("Token " + "a1" * 20, "Api-Key abcdefgh." + "x" * 32):
        assert code(get(HTTP_AUTHORIZATION=header)) == (401, "invalid_credential")


def test_before_drfs_own_basic_authentication(make_user, issued):
    make_user("bob")
    client = APIClient()
    import base64

    client.credentials(HTTP_AUTHORIZATION="Basic " + base64.b64encode(b"bob:secret").decode())
    assert client.get("/edge/ours-then-basic/").json()["user"] == "bob"
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
    assert client.get("/edge/ours-then-basic/").json()["user"] == "ann"


# -- every refused key looks alike


def test_unknown_wrong_expired_revoked_and_inactive_cannot_be_told_apart(make_user, make_key, operator, settings):
    user = make_user("ann", "docs:read")
    states = {}

    def state(name):
        states[name] = make_key(user, "docs:read", name=name)
        return states[name].key

    keys.revoke(state("revoked"), reason="test", by=operator)
    expired = state("expired")
    type(expired).objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    states["retired"] = make_key(user, "docs:read")
    keys.rotate(states["retired"].key, by=operator, grace=timedelta(0))
    wrong = make_key(user, "docs:read")
    APIKeySecret.objects.filter(key=wrong.key).update(digest=digests.make("other", settings.API_ACCESS["PEPPERS"]))
    states["wrong"] = wrong
    pepper = make_key(user, "docs:read")
    APIKeySecret.objects.filter(key=pepper.key).update(digest=digests.make(pepper.text, ["a pepper that is gone" * 3]))
    states["pepper"] = pepper
    states["unknown"] = make_key(user, "docs:read")
    states["unknown"].key.delete()
    states["inactive"] = make_key(make_user("bob", "docs:read"), "docs:read")
    get_user_model().objects.filter(username="bob").update(is_active=False)
    answers = set()
    for issued in states.values():
        response = get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
        answers.add((response.status_code, response.content, tuple(sorted(response.items()))))
    assert len(answers) == 1
    assert answers.pop()[0] == 401
    told = set(Event.objects.filter(action="credential.refused").values_list("reason", flat=True))
    assert told == {
        "revoked",
        "expired",
        "secret_retired",
        "wrong_secret",
        "pepper_missing",
        "unknown",
        "principal_inactive",
    }


@pytest.mark.parametrize("when", ["revoked", "deleted", "unknown to the database"])
def test_each_refusal_after_the_look_up_costs_one_query_and_one_event(
    issued, operator, when, django_assert_num_queries
):
    """What never was a key of ours is counted against its network, in two more."""
    if when == "revoked":
        keys.revoke(issued.key, reason="test", by=operator)
    else:
        issued.key.delete()
    get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
    with django_assert_num_queries(2 if when == "revoked" else 4) as queries:
        get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
    assert [query["sql"].split()[0] for query in queries][-1] == "INSERT"


def test_a_refusal_writes_nothing_of_the_text_that_was_sent(issued, operator, caplog):
    keys.revoke(issued.key, reason="test", by=operator)
    with caplog.at_level("DEBUG"):
        get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
        get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}x")
        flusher.flush()
    written = "\n".join(
        [*(str(event.__dict__) for event in Event.objects.all()), *(str(record.__dict__) for record in caplog.records)]
    )
    assert Event.objects.filter(action="credential.refused").count() == 2
    assert issued.text[16:] not in written


def test_a_key_that_stands_in_the_path_is_not_written_down(issued):
    where = where_of(RequestFactory().get(f"/read-only/{issued.text}/"))
    assert issued.text[16:] not in where.path
    assert where.path.startswith("/read-only/ak_")


@pytest.mark.parametrize("header", ["HTTP_AUTHORIZATION", "HTTP_X_API_KEY"])
@pytest.mark.parametrize("debug", [True, False])
def test_no_error_page_and_no_error_mail_shows_the_key(issued, settings, monkeypatch, header, debug):
    def lost(*args, **kwargs):
        raise OperationalError("the connection is lost")

    settings.DEBUG = debug
    monkeypatch.setattr(statement, "find", lost)
    value = issued.text if header == "HTTP_X_API_KEY" else f"Bearer {issued.text}"
    request = RequestFactory().get(VIEW, **{header: value})
    with pytest.raises(OperationalError) as caught:
        resolve(VIEW).func(request)
    reporter = ExceptionReporter(request, caught.type, caught.value, caught.tb.tb_next)  # without this test's own frame
    for page in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "the connection is lost" in page
        assert issued.text[16:] not in page


# -- restrictions


@pytest.fixture
def restricted(make_user, make_key, client_of):
    """`restricted(networks="10.0.0.0/8")`: a client with such a key."""
    user = make_user("ann", "docs:read")
    return lambda **fields: client_of(make_key(user, "docs:read", **fields))


@pytest.mark.parametrize(
    ("networks", "peer", "status"),
    [
        ("203.0.113.0/24", "203.0.113.9", 200),
        ("203.0.113.0/24", "203.0.114.9", 403),
        ("203.0.113.7 2001:db8::/32", "2001:db8::9", 200),
        ("2001:db8::/32", "2001:db9::9", 403),
        ("203.0.113.0/24", "::ffff:203.0.113.9", 200),
        ("203.0.113.0/24", "", 403),
        ("0.0.0.0/0", "::1", 403),
        ("", "198.51.100.1", 200),
    ],
)
def test_a_key_of_a_network_works_from_there_only(restricted, networks, peer, status):
    response = restricted(networks=networks).get("/read-only/", REMOTE_ADDR=peer)
    assert response.status_code == status
    if status == 403:
        assert code(response) == (403, "network_not_allowed")
        event = Event.objects.get(reason="network_not_allowed")
        assert event.details["detail"] == f"used from {peer or 'an unknown address'}"


def test_a_forged_x_forwarded_for_opens_nothing(restricted, settings):
    client = restricted(networks="203.0.113.0/24")
    assert client.get("/read-only/", REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 403
    settings.API_ACCESS = {**settings.API_ACCESS, "TRUSTED_PROXIES": ["10.0.0.0/8"]}
    through = {"REMOTE_ADDR": "10.0.0.1"}
    assert client.get("/read-only/", HTTP_X_FORWARDED_FOR="203.0.113.9", **through).status_code == 200
    assert client.get("/read-only/", HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.1", **through).status_code == 403
    assert client.get("/read-only/", HTTP_X_FORWARDED_FOR="203.0.113.9, garbage", **through).status_code == 403
    assert client.get("/read-only/", HTTP_X_FORWARDED_FOR="203.0.113.9, 10.0.0.7", **through).status_code == 200
    assert client.get("/read-only/", REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 200),
        ("HTTPS://SHOP.example", 200),
        ("http://localhost:3000", 200),
        ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403),
        ("https://shop.example:8443", 403),
        ("https://shop.example/", 403),
        ("null", 403),
        ("", 403),
        (None, 403),
        ("https://shop.example, https://evil.example", 403),
        ("\xe9", 403),
    ],
)
def test_a_key_of_an_origin_works_there_only(restricted, origin, status):
    client = restricted(origins="https://shop.example http://localhost:3000")
    response = client.get("/read-only/", **({} if origin is None else {"HTTP_ORIGIN": origin}))
    assert response.status_code == status
    if status == 403:
        assert code(response) == (403, "origin_not_allowed")


def test_expiry_is_exact(make_user, make_key, client_of, monkeypatch):
    now = timezone.now()
    end = now + timedelta(hours=1)
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read", expires_at=end))
    seen = []
    for offset in (-1, 0, 1):
        monkeypatch.setattr(
            "django_apiaccess.keys.credential.timezone.now", lambda offset=offset: end + timedelta(microseconds=offset)
        )
        seen.append(client.get("/read-only/").status_code)
    assert seen == [200, 401, 401]


def test_the_old_secret_ends_with_its_grace(issued, operator, client_of, monkeypatch):
    renewed = keys.rotate(issued.key, by=operator, grace=timedelta(hours=1))
    old, new = client_of(issued), client_of(renewed)
    assert (old.get("/read-only/").status_code, new.get("/read-only/").status_code) == (200, 200)
    later = timezone.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr("django_apiaccess.keys.credential.timezone.now", lambda: later)
    assert (old.get("/read-only/").status_code, new.get("/read-only/").status_code) == (401, 200)


def test_over_plain_http_a_credential_is_refused_before_anybody_looks_at_it(
    issued, settings, django_assert_num_queries
):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    with django_assert_num_queries(0):
        assert code(get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")) == (403, "insecure_transport")
    assert APIClient().get(VIEW, HTTP_AUTHORIZATION=f"Api-Key {issued.text}", secure=True).status_code == 200


# -- peppers


def test_a_pepper_can_be_rotated_without_anybody_noticing(issued, client_of, settings):
    client = client_of(issued)
    secret = APIKeySecret.objects.get(key=issued.key)
    old = settings.API_ACCESS["PEPPERS"][0]
    new = "a new pepper of more than thirty-two characters"
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": [new, old]}
    assert client.get("/read-only/").status_code == 200
    secret.refresh_from_db()
    assert digests.verify(issued.text, secret.digest, [new]) is digests.Verdict.MATCH
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": [new]}
    assert client.get("/read-only/").status_code == 200
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": [old]}
    assert code(client.get("/read-only/")) == (401, "invalid_credential")
    assert Event.objects.get(action="credential.refused").reason == "pepper_missing"


def test_only_a_right_secret_is_signed_anew(issued, settings):
    secret = APIKeySecret.objects.get(key=issued.key)
    old = settings.API_ACCESS["PEPPERS"][0]
    before = digests.make("something else", [old])
    APIKeySecret.objects.filter(pk=secret.pk).update(digest=before)
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["a new pepper of more than thirty-two characters", old]}
    assert get(HTTP_AUTHORIZATION=f"Api-Key {issued.text}").status_code == 401
    secret.refresh_from_db()
    assert secret.digest == before


# -- kinds and sessions


def session(user, **fields):
    client = APIClient(**fields)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_each_kind_stands_alone(make_user, issued, client_of):
    user = make_user("bob")
    assert client_of(issued).get("/edge/keys-only/").status_code == 200
    assert session(user).get("/edge/keys-only/").status_code == 401
    assert session(user).get("/edge/sessions-only/").json() == {"user": "bob", "kind": "session"}
    assert client_of(issued).get("/edge/sessions-only/").status_code == 401


def test_a_kind_that_is_not_enabled_is_unknown(make_user, issued, client_of, settings):
    user = make_user("bob")
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["session"]}
    assert code(client_of(issued).get(VIEW)) == (401, "invalid_credential")
    assert session(user).get(VIEW).status_code == 200
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key"]}
    assert client_of(issued).get(VIEW).status_code == 200
    assert code(session(user).get(VIEW)) == (401, "not_authenticated")


def test_a_session_must_bring_its_csrf_token(make_user):
    client = session(make_user("bob", is_superuser=True), enforce_csrf_checks=True)
    assert client.get(VIEW).status_code == 200
    assert code(client.post(VIEW)) == (403, "csrf_failed")
    client.cookies["csrftoken"] = "a" * 32
    assert client.post(VIEW, HTTP_X_CSRFTOKEN="a" * 32).status_code == 200
    assert code(client.post(VIEW, HTTP_X_CSRFTOKEN="b" * 32)) == (403, "csrf_failed")


def test_a_key_needs_none_and_wins_over_the_session(make_user, issued):
    client = session(make_user("bob"), enforce_csrf_checks=True)
    response = client.post(VIEW, HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
    assert response.json() == {"user": "ann", "kind": "api_key"}


def test_a_wrong_key_does_not_fall_back_to_the_session(make_user):
    client = session(make_user("bob"))
    assert client.get(VIEW, HTTP_AUTHORIZATION="Api-Key wrong").status_code == 401
    assert client.get(VIEW, HTTP_X_API_KEY="wrong").status_code == 401


def test_a_session_of_somebody_who_is_not_active_any_more_is_nobody(make_user):
    user = make_user("bob")
    client = session(user)
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)
    assert code(client.get(VIEW)) == (401, "not_authenticated")


def test_a_session_carries_everything_that_its_user_holds(make_user, make_role):
    make_role("editor", "docs:write")
    client = session(make_user("bob", role="editor"))
    assert client.post("/documents/", {"title": "x"}).status_code == 201
    assert client.get("/role-only/").status_code == 200
