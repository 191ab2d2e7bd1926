"""What is unsafe in OAUTH2_PROVIDER, rule by rule, and `DOT` in a project that has no django-oauth-toolkit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from django_apiaccess.contrib.dot import provider
from django_apiaccess.contrib.dot.options import read
from tests.checking import found, ids, with_access

DOT = {"ACCEPT_UNTIL": "2999-01-01", "SCOPES": {"read": "docs:read"}, "SERVICE_ACCOUNTS": {}, "RESOURCES": None}
SAFE = {
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 1209600,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https", "com.example.app"],
    "ALLOW_URI_WILDCARDS": False,
    "REQUEST_APPROVAL_PROMPT": "force",
    "ACCESS_TOKEN_GENERATOR": None,
    "REFRESH_TOKEN_GENERATOR": None,
    "DCR_ENABLED": False,
    "OAUTH_DEVICE_VERIFICATION_URI": None,
}


def unsafe(**changes):
    return {line.name for line in provider.unsafe_settings(SimpleNamespace(**{**SAFE, **changes}))}


def test_safe_settings_are_silent():
    assert unsafe() == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REFRESH_TOKEN_REUSE_PROTECTION", False),
        ("ROTATE_REFRESH_TOKEN", False),
        ("REFRESH_TOKEN_EXPIRE_SECONDS", None),
        ("ACCESS_TOKEN_EXPIRE_SECONDS", 36000),
        ("COMPLIANT_BCP_RFC9700_TOKEN_STORAGE", False),
        ("COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT", False),
        ("COMPLIANT_BCP_RFC9700_PASSWORD_GRANT", False),
        ("COMPLIANT_BCP_RFC9700_PKCE_METHOD", False),
        ("COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT", False),
        ("COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS", False),
        ("PKCE_REQUIRED", False),
        ("ALLOWED_REDIRECT_URI_SCHEMES", ["http", "https"]),
        ("ALLOW_URI_WILDCARDS", True),
        ("REQUEST_APPROVAL_PROMPT", "auto"),
    ],
)
def test_an_unsafe_value_is_named(name, value):
    assert unsafe(**{name: value}) == {name}


def test_a_policy_for_each_client_is_not_judged():
    assert unsafe(PKCE_REQUIRED=lambda client_id: False) == set()


def test_every_rule_has_a_setting_of_the_installed_dot():
    defaults = pytest.importorskip("oauth2_provider.settings").DEFAULTS
    assert {rule.name for rule in provider.RULES} <= defaults.keys()
    assert SAFE.keys() <= defaults.keys()


def test_a_setting_that_this_version_does_not_know_is_left_out():
    assert {line.name for line in provider.unsafe_settings(SimpleNamespace(PKCE_REQUIRED=False))} == {"PKCE_REQUIRED"}


def test_refresh_tokens_that_would_look_like_access_tokens_are_named():
    assert unsafe(ACCESS_TOKEN_GENERATOR="shop.tokens.make") == {"REFRESH_TOKEN_GENERATOR"}
    assert unsafe(ACCESS_TOKEN_GENERATOR="shop.tokens.make", REFRESH_TOKEN_GENERATOR="shop.tokens.other") == set()


@pytest.mark.parametrize("classes", [(), ["oauth2_provider.dcr.AllowAllDCRPermission"]])
def test_a_registration_that_is_open_to_all_is_named(classes):
    name = "DCR_REGISTRATION_PERMISSION_CLASSES"
    assert unsafe(DCR_ENABLED=True, **{name: classes}) == {name}
    assert unsafe(DCR_ENABLED=False, **{name: classes}) == set()
    assert unsafe(DCR_ENABLED=True, **{name: ["oauth2_provider.dcr.IsAuthenticatedDCRPermission"]}) == set()


@pytest.mark.parametrize(
    ("version", "named"), [((3, 3, 1), True), ((4, 0, 0), True), ((4, 0, 1), False), (None, False)]
)
def test_the_device_flow_of_an_old_oauthlib_is_named(monkeypatch, version, named):
    monkeypatch.setattr(provider, "installed", lambda distribution: version)
    name = "OAUTH_DEVICE_VERIFICATION_URI"
    assert unsafe(**{name: "https://shop.example/device"}) == ({name} if named else set())
    assert unsafe() == set()


def test_versions_are_read_as_numbers():
    assert provider.installed("Django") >= (5, 2)
    assert provider.installed("no-such-distribution") is None


class TestTheSetting:
    def test_scopes_are_mapped_and_the_others_give_nothing(self):
        tokens = read({**DOT, "SCOPES": {"read": "docs:read", "all": ["docs:*", "reports:read"]}})
        assert tokens.granted("read") == {"docs:read"}
        assert tokens.granted("all  read\tx") == {"docs:*", "reports:read", "docs:read"}
        assert tokens.granted("docs:read docs:*") == frozenset()
        assert tokens.granted("") == frozenset()

    def test_the_same_scopes_are_only_those_that_are_declared(self):
        tokens = read({**DOT, "SCOPES": "same"})
        assert tokens.granted("docs:read docs:* openid nothing:here") == {"docs:read"}

    @pytest.mark.parametrize(
        ("entry", "value"),
        [
            ("ACCEPT_UNTIL", "31.01.2027"),
            ("ACCEPT_UNTIL", None),
            ("SCOPES", None),
            ("SCOPES", {}),
            ("SCOPES", "all"),
            ("SCOPES", ["docs:read"]),
            ("SCOPES", {"read": 1}),
            ("SCOPES", {"read": [1]}),
            ("SCOPES", {"read write": "docs:read"}),
            ("SCOPES", {"read": "docs:raed"}),
            ("SERVICE_ACCOUNTS", {"client": None}),
            ("SERVICE_ACCOUNTS", {"": "stock"}),
            ("RESOURCES", "https://api.example"),
            ("RESOURCES", [1]),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, entry, value):
        with pytest.raises(ValueError, match=entry):
            read({**DOT, entry: value})

    @pytest.mark.parametrize(
        ("resource", "here"),
        [
            (None, True),
            ("", True),
            ("[]", True),
            ("null", True),
            ('["urn:django-apiaccess"]', True),
            ('["https://other.example", "urn:django-apiaccess"]', True),
            ('["urn:django-apiaccess/"]', False),
            ('["urn:django"]', False),
            ('"urn:django-apiaccess"', False),
            ('{"urn:django-apiaccess": 1}', False),
            ("[1, null]", False),
            ("urn:django-apiaccess", False),
        ],
    )
    def test_a_resource_must_be_ours_exactly(self, resource, here):
        assert read(DOT).concerns(resource) is here


@pytest.mark.usefixtures("clean_project")
class TestWithoutDOTInstalled:
    def test_nothing_is_said(self):
        assert not {"apiaccess.E045", "apiaccess.W045"} & ids()

    def test_the_setting_alone_is_an_error_and_opens_nothing(self, db):
        with with_access(DOT={"ACCEPT_UNTIL": "2999-01-01", "SCOPES": "same"}):
            assert "INSTALLED_APPS" in found()["apiaccess.E045"].msg
            with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
                APIClient(headers={"authorization": f"Bearer {'a' * 30}"}).get("/view0/")
