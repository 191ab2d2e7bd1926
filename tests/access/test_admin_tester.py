"""The access tester in the admin: for holders of its permission only, and it changes nothing."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_apiaccess.events.models import Event
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens.models import TokenSession
from tests.adminkit import allow, text_of, url
from tests.testapp.models import Document
from tests.tokens.people import log_in

pytestmark = pytest.mark.django_db
PAGE = "/admin/django_apiaccess/scope/explain/"
FORM = {"who": "user", "name": "zoe", "method": "GET", "path": "/documents/", "tls": "on"}


@pytest.fixture
def ann(make_user, client):
    ann = allow(make_user("ann"), "explain_access", "view_scope")
    client.force_login(ann)
    return ann


def answer(client, **fields):
    response = client.post(PAGE, {**FORM, **fields})
    assert response.status_code == 200
    shown = re.sub(r"<[^>]+>", " ", text_of(response).partition('id="content-main"')[2])
    return html.unescape(re.sub(r"\s+", " ", shown))


@pytest.mark.parametrize("permissions", [(), ("view_scope", "view_grant", "view_apikey")])
def test_without_the_permission_there_is_no_page_and_no_link_to_it(permissions, make_user, make_key, client):
    zoe = make_user("zoe", "docs:read")
    issued = make_key(zoe, "docs:read")
    client.force_login(allow(make_user("bob"), *permissions))
    assert client.get(PAGE).status_code == 403
    refused = client.post(PAGE, FORM)
    assert refused.status_code == 403
    assert "docs:read" not in text_of(refused)
    if permissions:
        assert "Test access" not in text_of(client.get(url("apikey", "change", issued.key.pk)))
        assert "Test access" not in text_of(client.get(url("grant", "rights", zoe.pk)))


def test_who_is_not_logged_in_is_sent_to_the_log_in(client):
    assert client.get(PAGE).status_code == 302


def test_the_verdict_every_step_and_where_a_right_comes_from_are_shown(client, ann, make_user, make_role):
    make_role("reader", "docs:read")
    make_user("zoe", role="reader")
    told = answer(client)
    assert "allowed GET /documents/" in told
    assert "direct grant -> role reader -> docs:read" in told
    assert "The smallest grant" not in told


def test_a_refusal_comes_with_the_smallest_grant_which_then_allows_it(client, ann, make_user, operator):
    zoe = make_user("zoe")
    told = answer(client)
    assert "refused GET /documents/" in told
    assert "grant zoe the scope docs:read" in told
    assert "With it the verdict is allowed" in told
    roles.grant(user=zoe, scope="docs:read", by=operator)
    assert "allowed GET /documents/" in answer(client)


def test_where_nothing_helps_that_is_said(client, ann, make_user):
    make_user("zoe", "docs:read")
    told = answer(client, path="/undeclared/")
    assert "No grant would allow it" in told
    assert "Its developer must declare an access" in told


def test_a_key_a_session_a_role_and_nobody_can_ask(client, ann, make_user, make_key, make_role):
    make_role("reader", "docs:read")
    issued = make_key(make_user("zoe", "docs:read"), "docs:read", networks="203.0.113.0/24")
    log_in("zoe", scope="docs:read")
    key = {"who": "key", "name": str(issued.key.pk)}
    assert "allowed GET" in answer(client, **key, address="203.0.113.7")
    assert "network_not_allowed" in answer(client, **key, address="198.51.100.1")
    assert "allowed GET" in answer(client, who="session", name=TokenSession.objects.get().sid)
    assert "allowed GET" in answer(client, who="role", name="reader")
    assert "no_credential" in answer(client, who="anonymous", name="")


def test_the_strength_and_the_age_of_the_log_in_are_taken_as_said(client, ann, make_user):
    plan = Document.objects.create(title="plan")
    make_user("zoe", "docs:write")
    publish = {"method": "POST", "path": f"/documents/{plan.pk}/publish/"}
    assert "log in again, at aal2-sms or stronger" in answer(client, **publish, acr="aal1")
    assert "allowed POST" in answer(client, **publish, acr="aal2")
    assert "mfa_too_old" in answer(client, **publish, acr="aal2", auth_age="1h")


def test_a_whole_key_in_the_form_is_refused_and_not_shown_again(client, ann, make_user, make_key):
    issued = make_key(make_user("zoe", "docs:read"), "docs:read")
    shown = text_of(client.post(PAGE, {**FORM, "who": "key", "name": issued.text}))
    assert "This was a whole key" in shown
    assert issued.text[20:] not in shown


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "zo"}, "Did you mean &#x27;zoe&#x27;"),
        ({"name": ""}, "Say who."),
        ({"who": "key", "name": "77"}, "Unknown key"),
        ({"who": "session", "name": "x"}, "Unknown session"),
        ({"who": "role", "name": "x"}, "Unknown role"),
        ({"path": "/documnts/"}, "Did you mean &#x27;/documents/&#x27;"),
        ({"path": "/report/", "method": "DELETE"}, "takes GET, OPTIONS, not DELETE"),
        ({"scopes": "docs:raed"}, "docs:read"),
        ({"who": "anonymous", "scopes": "docs:read"}, "scopes of their own"),
        ({"address": "1.2"}, "This is no address"),
        ({"auth_age": "soon"}, "duration"),
        ({"auth_age": "2020y"}, "cannot be that long ago"),
        ({"auth_age": "99999999d"}, "cannot be that long ago"),
        ({"path": "/é/\u202e/"}, "No view at"),
        ({"who": "nobody"}, "Select a valid choice"),
        ({"name": "\0"}, "Null characters"),
        ({"name": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
def test_a_wrong_field_is_told_beside_it(fields, message, client, ann, make_user):
    make_user("zoe")
    shown = text_of(client.post(PAGE, {**FORM, **fields}))
    assert message in shown
    assert "<script>alert" not in shown


def test_it_changes_nothing(client, ann, make_user, make_key):
    issued = make_key(make_user("zoe", "docs:read"), "docs:read", rate="1/day")
    answer(client, who="key", name=str(issued.key.pk))
    before = Event.objects.count()
    with CaptureQueriesContext(connection) as asked:
        for path in ("/documents/", "/role-only/", "/undeclared/", "/admin-only/"):
            answer(client, who="key", name=str(issued.key.pk), path=path)
    written = [one["sql"] for one in asked if one["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]
    assert written == []
    issued.key.refresh_from_db()
    assert (Event.objects.count(), issued.key.use_count) == (before, 0)


def test_pages_of_keys_grants_sessions_and_rights_lead_to_it(client, make_user, make_key):
    zoe = make_user("zoe", "docs:read")
    issued = make_key(zoe, "docs:read")
    log_in("zoe")
    client.force_login(
        allow(make_user("ann"), "explain_access", "view_apikey", "view_grant", "view_tokensession", "view_scope")
    )
    session = TokenSession.objects.get()
    pages = {
        url("apikey", "change", issued.key.pk): f"?who=key&amp;name={issued.key.pk}",
        url("grant", "change", zoe.apiaccess_grants.get().pk): "?who=user&amp;name=zoe",
        url("grant", "rights", zoe.pk): "?who=user&amp;name=zoe",
        url("tokensession", "change", session.pk): f"?who=session&amp;name={session.sid}",
    }
    for address, query in pages.items():
        assert f'href="{PAGE}{query}"' in text_of(client.get(address)), address
    filled = text_of(client.get(f"{PAGE}?who=key&name={issued.key.pk}"))
    assert f'value="{issued.key.pk}"' in filled
    assert 'value="key" selected' in filled
