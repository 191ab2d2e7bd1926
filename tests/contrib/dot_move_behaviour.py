"""Real clients that begin on django-oauth-toolkit and end on us, over HTTP, and are the same code all the way. Run by `test_dot.py`."""

from __future__ import annotations

import base64
import io
import re
from html import unescape
from urllib.parse import quote_plus, urljoin

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from oauth2_provider.models import get_access_token_model, get_application_model
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient
from django_apiaccess.core import digests
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.roles import service as roles

AFTER = "tests.contrib.dot_after_urls"
SECRET = "a secret of the old days: +/%&ü"
CALLBACK = "https://client.example/callback?from=shop"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _plain_http_to_this_machine(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def accepting(**changes):
    return override_settings(
        API_ACCESS={**settings.API_ACCESS, "DOT": {**settings.API_ACCESS["DOT"], "SCOPES": "same", **changes}}
    )


def move():
    call_command("import_dot_clients", stdout=io.StringIO(), stderr=io.StringIO())


class Robot:
    """A program that asks for a token with its id and its secret, and uses it."""

    def __init__(self, site, client_id, secret, *, in_body):
        self.site, self.secret, self.in_body = site, secret, in_body
        self.http = OAuth2Session(client=BackendApplicationClient(client_id, scope=["docs:read"]))
        self.client_id = client_id

    def log_in(self):
        proof = (
            {"include_client_id": True, "client_secret": self.secret}
            if self.in_body
            else {"auth": HTTPBasicAuth(self.client_id, quote_plus(self.secret))}
        )
        self.http.fetch_token(f"{self.site}/o/token/", **proof)

    def read(self):
        answer = self.http.get(f"{self.site}/read-only/")
        return answer.status_code, answer.json().get("user"), answer.json().get("kind")


@pytest.mark.parametrize("in_body", [False, True])
@pytest.mark.parametrize("hashed", [True, False])
def test_a_program_never_notices(live_server, make_user, operator, in_body, hashed):
    account = create_service_account(name="stock-robot", owner=make_user("mara"), purpose="stock", by=operator)
    roles.grant(user=account.user, scope="docs:read", by=operator)
    application = get_application_model().objects.create(
        name="Robot",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        client_secret=SECRET,
        hash_client_secret=hashed,
    )
    robot = Robot(live_server.url, application.client_id, SECRET, in_body=in_body)
    with accepting(SERVICE_ACCOUNTS={application.client_id: "stock-robot"}):
        robot.log_in()
        assert robot.read() == (200, "stock-robot", "dot")
        move()
        with override_settings(ROOT_URLCONF=AFTER):
            assert robot.read() == (200, "stock-robot", "dot")
            get_access_token_model().objects.all().delete()
            assert robot.read()[0] == 401
            for _time in range(2):
                robot.log_in()
                assert robot.read() == (200, "stock-robot", "jwt")
            assert digests.is_native(ClientSecret.objects.get().digest)
            thief = Robot(live_server.url, application.client_id, "another secret", in_body=in_body)
            with pytest.raises(InvalidClientError):
                thief.log_in()
            roles.ungrant(account.user.apiaccess_grants.all(), by=operator)
            assert robot.read()[0] == 403


class Browser:
    """A person's browser: logged in, sends the form that it is shown."""

    def __init__(self, user):
        django = Client()
        django.force_login(user)
        self.http = requests.Session()
        self.http.cookies.set("sessionid", django.cookies["sessionid"].value)

    def allow(self, url):
        """Open the page, agree, and give the address that it sends the browser to."""
        page = self.http.get(url, allow_redirects=False)
        assert page.status_code == 200, (page.status_code, page.headers, page.text[:2000])
        form = re.search(r"<form[^>]*method=\"post\".*?</form>", page.text, re.DOTALL | re.IGNORECASE)[0]
        fields = {
            re.search(r'name="([^"]+)"', tag)[1]: (re.search(r'value="([^"]*)"', tag) or ["", ""])[1]
            for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form)
        }
        button = next(tag for tag in re.findall(r"<(?:button|input)[^>]*>", form) if "allow" in tag.lower())
        fields[re.search(r'name="([^"]+)"', button)[1]] = re.search(r'value="([^"]*)"', button)[1]
        action = re.search(r'action="([^"]*)"', form)
        where = urljoin(url, unescape(action[1])) if action and action[1] else url
        sent = self.http.post(where, {name: unescape(value) for name, value in fields.items()}, allow_redirects=False)
        assert sent.status_code in {302, 303}, (sent.status_code, sent.text[:2000])
        return sent.headers["Location"]


class WebShop:
    """A web application with its user: authorization code, PKCE and refresh, by requests-oauthlib."""

    def __init__(self, site, client_id, secret):
        self.site, self.secret = site, secret
        self.http = OAuth2Session(client_id, redirect_uri=CALLBACK, scope=["docs:read"], pkce="S256")

    def log_in(self, browser):
        url, _state = self.http.authorization_url(f"{self.site}/o/authorize/")
        came_back = browser.allow(url)
        assert came_back.startswith(CALLBACK)
        self.http.fetch_token(f"{self.site}/o/token/", authorization_response=came_back, client_secret=self.secret)

    def refresh(self):
        proof = base64.b64encode(f"{self.http.client_id}:{self.secret}".encode()).decode()
        self.http.refresh_token(f"{self.site}/o/token/", headers={"Authorization": f"Basic {proof}"})

    def read(self):
        answer = self.http.get(f"{self.site}/read-only/")
        return answer.status_code, answer.json().get("user"), answer.json().get("kind")


def test_a_web_application_never_notices(live_server, make_user):
    ann = make_user("ann", "docs:read")
    application = get_application_model().objects.create(
        name="Web shop",
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris=CALLBACK,
        client_secret="old-secret",
    )
    shop, browser = WebShop(live_server.url, application.client_id, "old-secret"), Browser(ann)
    with accepting():
        shop.log_in(browser)
        assert shop.read() == (200, "ann", "dot")
        move()
        shop.refresh()
        assert shop.read() == (200, "ann", "dot")
        with override_settings(ROOT_URLCONF=AFTER):
            assert shop.read() == (200, "ann", "dot")
            shop.log_in(browser)
            assert shop.read() == (200, "ann", "jwt")
            shop.refresh()
            assert shop.read() == (200, "ann", "jwt")
            ann.is_active = False
            ann.save()
            assert shop.read()[0] == 401
    assert OAuthClient.objects.get().client_id == application.client_id
