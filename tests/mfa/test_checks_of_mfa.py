"""What the system checks say of second factors."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import include, path
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_apiaccess import checks
from django_apiaccess.mfa import checks as mfa_checks
from django_apiaccess.mfa import checks_of_rows as rows
from tests.checking import found as messages
from tests.checking import ids, with_access

from .factors import app_of

pytestmark = pytest.mark.usefixtures("clean_project")
WITHOUT_PASSKEYS = [app for app in settings.INSTALLED_APPS if app != "django_otp_webauthn"]
LOCMEM = "django_apiaccess.sms.locmem.LocMemGateway"


def found(**mfa):
    with with_access(MFA=mfa):
        return messages()


def of_rows(**mfa):
    """The messages of ours that ask the database."""
    with with_access(MFA=mfa):
        found = run_checks(tags=["apiaccess"], include_deployment_checks=True, databases=["default"])
    names = {f"apiaccess.{number}" for number in ("W053", "W057", "W058")}
    return {message.id: message for message in found if message.id in names}


class TestMethods:
    def test_a_project_with_the_defaults_has_no_finding(self):
        assert found() == {}

    @pytest.mark.parametrize("methods", [["webauthn"], ["totp", "webauthn"]])
    def test_passkeys_that_are_named_and_not_installed(self, methods):
        with override_settings(INSTALLED_APPS=WITHOUT_PASSKEYS):
            message = found(METHODS=methods)["apiaccess.E055"]
        assert "django_otp_webauthn is not in INSTALLED_APPS" in message.msg
        assert "django-apiaccess[webauthn]" in message.hint

    def test_sms_that_is_named_without_a_gateway(self):
        assert "no SMS_GATEWAY" in found(METHODS=["totp", "sms"])["apiaccess.E055"].msg

    def test_a_policy_that_nobody_can_follow(self):
        assert found(METHODS=["recovery"], REQUIRED_FOR=["staff"]).keys() == {"apiaccess.E056"}
        assert found(METHODS=["recovery"]) == {}

    def test_sms_as_the_only_one(self):
        assert "apiaccess.W054" in found(METHODS=["sms", "recovery"], SMS_GATEWAY=LOCMEM)
        assert "apiaccess.W054" not in found(METHODS=["sms", "totp"], SMS_GATEWAY=LOCMEM)

    def test_settings_that_cannot_be_read_are_told_once(self):
        assert found(METHODS=["totpp"]).keys() == {"apiaccess.E003"}
        assert found(REQUIRED_FOR=7).keys() == {"apiaccess.E003"}


class TestPolicy:
    @pytest.mark.parametrize(
        ("required", "said"),
        [
            (["scope:docs:raed"], "Did you mean 'docs:read'?"),
            (["scope:docs:*"], "no single scope"),
            ("tests.nowhere.decide", "nowhere"),
            ("tests.settings.SECRET_KEY", "is no function"),
        ],
    )
    def test_what_does_not_exist_is_an_error(self, required, said):
        assert said in found(REQUIRED_FOR=required)["apiaccess.E057"].msg

    @pytest.mark.parametrize(
        "required",
        [["staff", "everyone"], ["scope:docs:read"], ["role:any"], (lambda user: True), "tests.checking.ids"],
    )
    def test_what_exists_is_none(self, required):
        assert found(REQUIRED_FOR=required) == {}


class TestPasskeys:
    def test_a_missing_domain(self):
        with override_settings(OTP_WEBAUTHN_RP_ID=""):
            assert ids() == {"apiaccess.E058"}
            assert found(METHODS=["totp"]) == {}
            with override_settings(OTP_WEBAUTHN_RP_ID_CALLABLE="tests.checking.ids"):
                assert ids() == set()

    @pytest.mark.parametrize(
        ("origin", "wrong"),
        [
            ("https://shop.example", False),
            ("https://www.shop.example:8443", False),
            ("http://shop.example", True),
            ("http://localhost.evil.example", True),
            ("https://evilshop.example", True),
            ("https://shop.example.evil.test", True),
        ],
    )
    def test_an_origin_where_no_browser_uses_them(self, origin, wrong):
        with override_settings(OTP_WEBAUTHN_RP_ID="shop.example", OTP_WEBAUTHN_ALLOWED_ORIGINS=[origin]):
            assert ids() == ({"apiaccess.W055"} if wrong else set())
            with override_settings(DEBUG=True):
                assert "apiaccess.W055" not in ids()

    def test_localhost_is_told_before_a_deployment_only(self):
        assert "apiaccess.W055" not in ids()
        assert "localhost" in messages(deploy=True)["apiaccess.W055"].msg

    def test_views_of_the_library_beside_ours(self, urls):
        urls(path("webauthn/", include("django_otp_webauthn.urls", namespace="otp_webauthn")))
        assert "logs people in by a passkey alone" in messages()["apiaccess.W056"].msg
        with override_settings(OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN=False):
            assert "takes passkeys as second factors" in messages()["apiaccess.W056"].msg


def test_an_admin_that_shows_seeds_is_told_before_a_deployment():
    assert "show seeds" in messages(deploy=True)["apiaccess.W059"].msg
    with override_settings(OTP_ADMIN_HIDE_SENSITIVE_DATA=True):
        assert "apiaccess.W059" not in ids(deploy=True)


@pytest.mark.django_db
class TestRows:
    def test_staff_without_a_factor_are_named(self, make_user):
        app_of(make_user("has", is_staff=True))
        make_user("person")
        make_user("gone", is_staff=True, is_active=False)
        assert of_rows() == {}
        for name in ("one", "two", "three", "four"):
            make_user(name, is_superuser=name == "one", is_staff=name != "one")
        assert "one, two, three and 1 more" in of_rows()["apiaccess.W053"].msg

    def test_a_role_that_is_not_there_is_told_with_the_nearest(self, make_role):
        make_role("manager", "docs:read")
        assert of_rows(REQUIRED_FOR=["role:manager"]) == {}
        assert "role:manager" in of_rows(REQUIRED_FOR=["role:manger"])["apiaccess.W057"].hint

    def test_seeds_and_codes_in_plain_text_are_told(self, make_user):
        ann = make_user("ann")
        TOTPDevice.objects.create(user=ann, name="old")
        assert "holds seeds of django-otp" in of_rows()["apiaccess.W058"].msg
        StaticDevice.objects.create(user=ann, name="old").token_set.create(token="x")
        assert "seeds and static tokens" in of_rows()["apiaccess.W058"].msg

    def test_without_a_database_to_ask_none_is_asked(self, make_user, django_assert_num_queries):
        make_user("root", is_superuser=True)
        with django_assert_num_queries(0):
            found = run_checks(tags=["apiaccess"], include_deployment_checks=True)
        assert "apiaccess.W053" not in {message.id for message in found}

    def test_before_the_tables_are_there_nothing_is_said(self, monkeypatch):
        from django.db import ProgrammingError

        def no_table():
            raise ProgrammingError('relation "x" does not exist')

        assert list(checks.of_rows(no_table)(databases=["default"])) == []


def test_every_check_that_reads_rows_is_asked_with_a_database_only():
    assert set(rows.CHECKS) <= set(checks.DATABASE_CHECKS)
    assert not set(checks.DATABASE_CHECKS) & {*checks.CHECKS, *checks.DEPLOY_CHECKS}
    assert {*mfa_checks.CHECKS, *mfa_checks.DEPLOY_CHECKS} <= {*checks.CHECKS, *checks.DEPLOY_CHECKS}


def test_the_app_passes_its_checks_without_django_otp_among_the_apps():
    without = [app for app in settings.INSTALLED_APPS if not app.startswith("django_otp")]
    with override_settings(INSTALLED_APPS=without):
        assert ids() == set()
