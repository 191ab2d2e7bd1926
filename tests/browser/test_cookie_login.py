"""Logging in with the refresh token in a cookie, in a real browser: it survives a reload, and no script and no other site gets at it."""

import pytest

from django_apiaccess.tokens.models import RefreshToken, TokenSession

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.login_urls"),
]
NAME = "__Host-apiaccess_refresh"


@pytest.fixture
def context(browser):
    made = browser.new_context()
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def tab(context, live_server, make_user):
    make_user("ann", "docs:read")
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{live_server.url}/shop/")
    yield page
    assert not wrong, wrong


def run(tab, call, *arguments):
    return tab.evaluate(f"arguments => app.{call}(...arguments)", list(arguments))


def refresh_cookie(context):
    return next((cookie for cookie in context.cookies() if cookie["name"] == NAME), None)


def test_a_person_logs_in_reloads_goes_on_and_logs_out(tab, context):
    assert run(tab, "get", "/read-only/")["status"] == 401
    answer = run(tab, "logIn", "ann", "secret")
    assert answer["status"] == 200
    assert "refresh_token" not in answer["body"]
    first = refresh_cookie(context)
    assert (first["httpOnly"], first["secure"], first["sameSite"], first["path"]) == (True, True, "Strict", "/")
    assert run(tab, "get", "/read-only/")["status"] == 200

    tab.reload()
    assert tab.evaluate("app.access") is None
    assert run(tab, "get", "/read-only/")["status"] == 401, "the cookie alone opens nothing"
    assert run(tab, "refresh")["status"] == 200
    second = refresh_cookie(context)
    assert second["value"] != first["value"]
    assert run(tab, "get", "/read-only/")["status"] == 200

    access = tab.evaluate("app.access")
    assert run(tab, "logOut")["status"] == 200
    assert refresh_cookie(context) is None
    assert run(tab, "get", "/read-only/")["status"] == 401, "the access token ended with its session"
    assert run(tab, "refresh")["body"]["code"] == "invalid_request"
    assert access not in str(context.cookies())


def test_no_script_of_the_page_sees_the_refresh_token(tab, context):
    run(tab, "logIn", "ann", "secret")
    text = refresh_cookie(context)["value"]
    for _step in range(2):
        seen = tab.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})")
        assert NAME not in seen
        assert text not in seen
        assert "csrftoken" in seen
        run(tab, "refresh")
        text = refresh_cookie(context)["value"]
    assert tab.evaluate("async () => (await cookieStore.getAll()).map(cookie => cookie.name)") == ["csrftoken"]


def test_without_the_csrf_token_the_cookie_is_of_no_use(tab):
    run(tab, "logIn", "ann", "secret")
    answer = run(tab, "send", "POST", "/access/token/refresh/", {})
    assert (answer["status"], answer["body"]["code"]) == (403, "csrf_failed")
    assert run(tab, "refresh")["status"] == 200


@pytest.mark.parametrize(
    ("site", "code"),
    [
        ("http://127.0.0.1:9876", "invalid_request"),  # another site: the browser keeps the cookie back
        ("http://localhost:9876", "csrf_failed"),  # the same site, another origin: the cookie comes, and is not enough
    ],
    ids=["another site", "the same site"],
)
@pytest.mark.parametrize("endpoint", ["refresh", "revoke"])
def test_a_form_on_another_page_neither_refreshes_nor_logs_out(tab, context, live_server, site, code, endpoint):
    run(tab, "logIn", "ann", "secret")
    before = refresh_cookie(context)["value"]
    form = f"<form method=post action='{live_server.url}/access/token/{endpoint}/'><button>Win</button></form>"
    context.route(f"{site}/**", lambda route: route.fulfill(content_type="text/html", body=form))
    evil = context.new_page()
    evil.goto(f"{site}/win")
    with evil.expect_navigation() as navigation:
        evil.click("button")
    assert navigation.value.request.method == "POST"
    assert navigation.value.json()["code"] == code
    assert refresh_cookie(context)["value"] == before
    assert RefreshToken.objects.get().used_at is None
    assert TokenSession.objects.get().revoked_at is None
    assert run(tab, "refresh")["status"] == 200


@pytest.mark.parametrize("site", ["http://127.0.0.1:9876", "http://localhost:9876"])
def test_a_script_of_another_origin_reads_no_token(tab, context, live_server, site):
    run(tab, "logIn", "ann", "secret")
    context.route(f"{site}/**", lambda route: route.fulfill(content_type="text/html", body="<p>hello"))
    evil = context.new_page()
    evil.goto(f"{site}/win")
    for headers in ("{}", "{'Content-Type': 'application/json', 'X-CSRFToken': 'x'}"):
        outcome = evil.evaluate(
            f"""async url => {{
                try {{
                    const sent = {{method: "POST", credentials: "include", headers: {headers}, body: "{{}}"}};
                    return await (await fetch(url, sent)).text();
                }} catch (error) {{ return error.name; }}
            }}""",
            f"{live_server.url}/access/token/refresh/",
        )
        assert outcome == "TypeError", "the browser lets nobody read the answer"
    assert RefreshToken.objects.get().used_at is None


def test_a_form_on_another_page_logs_nobody_in_as_somebody_else(tab, context, live_server, make_user):
    make_user("mallory")
    fields = {"username": "mallory", "password": "secret", "delivery": "cookie"}
    inputs = "".join(f"<input name={name} value={value}>" for name, value in fields.items())
    form = f"<form method=post action='{live_server.url}/access/token/'>{inputs}<button>Win</button></form>"
    context.route("http://127.0.0.1:9876/**", lambda route: route.fulfill(content_type="text/html", body=form))
    evil = context.new_page()
    evil.goto("http://127.0.0.1:9876/win")
    with evil.expect_navigation() as navigation:
        evil.click("button")
    assert navigation.value.status == 400
    assert refresh_cookie(context) is None
