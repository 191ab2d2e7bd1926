"""Checks of the settings as a whole, and of what the project installs."""

import pytest
from django.conf import settings
from django.test import override_settings

from django_apiaccess.conf import SETTINGS
from tests.checking import FRAMEWORK, found, ids, with_access

pytestmark = pytest.mark.usefixtures("clean_project")


def test_api_access_that_is_no_dict_is_an_error():
    with override_settings(API_ACCESS=["KEY_PREFIX"]):
        assert "must be a dict, not list" in found()["apiaccess.E001"].msg


def test_an_unknown_setting_is_an_error_that_names_the_nearest():
    with with_access(KEY_PREFX="ak"):
        assert found()["apiaccess.E002"].hint == "Did you mean 'KEY_PREFIX'?"
    with with_access(key_prefix="ak"):
        assert found()["apiaccess.E002"].hint == "Did you mean 'KEY_PREFIX'?"
    with with_access(ZZZZ=1):
        assert "KEY_PREFIX" in found()["apiaccess.E002"].hint


WRONG = {
    "KEY_PREFIX": "Key_",
    "KEY_DEFAULT_LIFETIME": "90 days",
    "KEY_MAX_LIFETIME": "-1d",
    "KEY_ROTATION_GRACE": None,
    "PEPPERS": ["short"],
    "CREDENTIALS": ["api_keys"],
    "REQUIRE_TLS": "yes",
    "TRUSTED_PROXIES": "10.0.0.0/8",
    "CACHE_SECONDS": "5",
    "GENERATION_SECONDS": -1,
    "MAX_REVOCATION_LAG": None,
    "SHARED_CACHE": 1,
    "EVENTS": {"RETENTIONS": "1d"},
}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_value_is_an_error_that_names_the_setting(name, value):
    with override_settings(API_ACCESS={name: value}):
        assert f"API_ACCESS[{name!r}]" in found()["apiaccess.E003"].msg


def test_every_setting_that_existed_when_this_was_written_has_a_wrong_value_above():
    assert set(WRONG) <= set(SETTINGS)


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "::/0"])
def test_trusting_every_address_as_a_proxy_is_an_error(everything):
    with with_access(TRUSTED_PROXIES=["10.0.0.0/8", everything]):
        assert ids() == {"apiaccess.E006"}


@pytest.mark.parametrize(
    "setting", [{"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, {"USE_X_FORWARDED_HOST": True}]
)
def test_a_proxy_that_django_knows_and_we_do_not_is_warned_of(setting):
    with override_settings(**setting):
        assert ids() == {"apiaccess.W005"}
    with override_settings(**setting), with_access(TRUSTED_PROXIES=["10.0.0.0/8"]):
        assert ids() == set()


def test_plain_http_and_endless_keys_are_warned_of_when_deploying_only():
    with with_access(KEY_DEFAULT_LIFETIME=None):
        assert ids() == set()
        assert {"apiaccess.W030", "apiaccess.W031"} <= ids(deploy=True)
    with with_access(REQUIRE_TLS=True):
        assert not {"apiaccess.W030", "apiaccess.W031"} & ids(deploy=True)


def test_rest_framework_must_be_installed():
    with override_settings(INSTALLED_APPS=[app for app in settings.INSTALLED_APPS if app != "rest_framework"]):
        assert "apiaccess.E010" in ids()


def test_sessions_need_their_middleware_unless_they_are_off():
    asking_for_users = ("AuthenticationMiddleware", "SecondFactorMiddleware")
    left = [name for name in settings.MIDDLEWARE if not name.endswith(asking_for_users)]
    with override_settings(MIDDLEWARE=left):
        assert ids() == {"apiaccess.E012"}
    with override_settings(MIDDLEWARE=left), with_access(CREDENTIALS=["api_key"]):
        assert ids() == set()


def test_another_authentication_before_ours_is_warned_of():
    ours = "django_apiaccess.authentication.AccessAuthentication"
    classes = ["rest_framework.authentication.BasicAuthentication", ours]
    with override_settings(REST_FRAMEWORK={**FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": classes}):
        assert ids() == {"apiaccess.W011"}


def test_a_missing_throttle_is_warned_of():
    with override_settings(REST_FRAMEWORK={**FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}):
        assert ids() == {"apiaccess.W014"}


def test_drfs_own_throttles_without_a_number_of_proxies_are_warned_of():
    classes = ["rest_framework.throttling.AnonRateThrottle", "django_apiaccess.throttling.AccessRateThrottle"]
    framework = {**FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": classes}
    with override_settings(REST_FRAMEWORK=framework):
        assert ids() == {"apiaccess.W015"}
    with override_settings(REST_FRAMEWORK={**framework, "NUM_PROXIES": 0}):
        assert ids() == set()


# -- transport


SAFE = {
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_REDIRECT_EXEMPT": [r"^api/"],
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
}
TRANSPORT = {f"apiaccess.W0{number}" for number in range(33, 37)}


def test_a_project_with_safe_transport_has_no_finding(settings):
    for name, value in SAFE.items():
        setattr(settings, name, value)
    with with_access(REQUIRE_TLS=True, CREDENTIALS=["api_key", "session", "basic"]):
        assert ids(deploy=True) & TRANSPORT == set()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"SECURE_HSTS_SECONDS": 3600}, "apiaccess.W033"),
        ({"SECURE_REDIRECT_EXEMPT": []}, "apiaccess.W034"),
        ({"SESSION_COOKIE_SECURE": False}, "apiaccess.W035"),
        ({"CSRF_COOKIE_SECURE": False}, "apiaccess.W035"),
    ],
)
def test_each_hole_in_the_transport_is_warned_of_when_deploying_only(settings, changes, finding):
    for name, value in {**SAFE, **changes}.items():
        setattr(settings, name, value)
    with with_access(REQUIRE_TLS=True, CREDENTIALS=["api_key", "session", "basic"]):
        assert ids(deploy=True) & TRANSPORT == {finding}
        assert ids() & TRANSPORT == set()


def test_without_cookies_their_flags_do_not_matter():
    with with_access(CREDENTIALS=["api_key"]):
        assert "apiaccess.W035" not in ids(deploy=True)


def test_basic_without_required_tls_is_warned_of_when_deploying_only():
    with with_access(CREDENTIALS=["api_key", "basic"]):
        assert "apiaccess.W036" in ids(deploy=True)
        assert "apiaccess.W036" not in ids()


def test_revoking_without_required_tls_is_an_error():
    with with_access(ON_CLEARTEXT="revoke"):
        assert "apiaccess.E008" in ids()
    with with_access(ON_CLEARTEXT="revoke", REQUIRE_TLS=True):
        assert "apiaccess.E008" not in ids()


@pytest.mark.parametrize("value", ["Revoke", True, None, "", "kill"])
def test_on_cleartext_has_two_values(value):
    with with_access(ON_CLEARTEXT=value):
        assert "'reject', 'revoke'" in found()["apiaccess.E003"].msg
