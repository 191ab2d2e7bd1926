"""The settings: defaults, types, read at each access."""

from datetime import timedelta

import pytest
from django.test import override_settings

from django_apiaccess.conf import SETTINGS, access_settings


def test_every_setting_has_a_safe_default_that_is_valid():
    with override_settings(API_ACCESS={}):
        for name, setting in SETTINGS.items():
            assert setting.complaint(setting.default) is None, name
            if hasattr(type(access_settings), name):
                getattr(access_settings, name)
        assert access_settings.KEY_PREFIX == "ak"
        assert timedelta(days=365) == access_settings.KEY_DEFAULT_LIFETIME
        assert timedelta(hours=24) == access_settings.KEY_ROTATION_GRACE
        assert access_settings.CACHE_SECONDS == 0
        assert access_settings.TRUSTED_PROXIES == ()


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_a_dict_that_is_none_counts_as_empty(value):
    with override_settings(API_ACCESS=value):
        assert access_settings.KEY_PREFIX == "ak"


def test_settings_are_read_anew_at_each_access():
    with override_settings(API_ACCESS={"KEY_PREFIX": "shop", "KEY_MAX_LIFETIME": "90d"}):
        assert access_settings.KEY_PREFIX == "shop"
        assert timedelta(days=90) == access_settings.KEY_MAX_LIFETIME
        with override_settings(API_ACCESS={"KEY_PREFIX": "other"}):
            assert access_settings.KEY_PREFIX == "other"
        assert access_settings.KEY_PREFIX == "shop"


@pytest.mark.parametrize("value", ["90d", timedelta(days=90), 90 * 86400])
def test_a_duration_may_be_written_in_three_ways(value):
    with override_settings(API_ACCESS={"KEY_DEFAULT_LIFETIME": value}):
        assert timedelta(days=90) == access_settings.KEY_DEFAULT_LIFETIME


def test_without_peppers_they_come_from_the_secret_key_and_its_fallbacks():
    with override_settings(API_ACCESS={}, SECRET_KEY="one", SECRET_KEY_FALLBACKS=["two"]):
        now = access_settings.PEPPERS
        assert access_settings.peppers_are_derived
        assert len(now) == 2
        assert "one" not in now
    with override_settings(API_ACCESS={}, SECRET_KEY="three", SECRET_KEY_FALLBACKS=["one", "two"]):
        assert access_settings.PEPPERS[1:] == now
    with override_settings(API_ACCESS={}, SECRET_KEY=b"one", SECRET_KEY_FALLBACKS=[]):
        assert now[:1] == access_settings.PEPPERS
    with override_settings(API_ACCESS={"PEPPERS": ["x" * 40]}):
        assert access_settings.PEPPERS == ("x" * 40,)
        assert not access_settings.peppers_are_derived


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("KEY_PREFIX", "AK"),
        ("KEY_PREFIX", "a_b"),
        ("KEY_PREFIX", ""),
        ("KEY_PREFIX", "1a"),
        ("KEY_PREFIX", "a" * 17),
        ("KEY_PREFIX", 3),
        ("KEY_DEFAULT_LIFETIME", "soon"),
        ("KEY_DEFAULT_LIFETIME", -1),
        ("KEY_DEFAULT_LIFETIME", True),
        ("KEY_DEFAULT_LIFETIME", 1.5),
        ("KEY_MAX_LIFETIME", timedelta(days=-1)),
        ("KEY_ROTATION_GRACE", None),
        ("PEPPERS", "x" * 40),
        ("PEPPERS", ["short"]),
        ("PEPPERS", ["x" * 40, "x" * 40]),
        ("PEPPERS", [b"x" * 40]),
        ("PEPPERS", None),
        ("CREDENTIALS", "api_key"),
        ("CREDENTIALS", ["api_keys"]),
        ("CREDENTIALS", [3]),
        ("REQUIRE_TLS", "yes"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", ["10.0.0.0/40"]),
        ("TRUSTED_PROXIES", ["all"]),
        ("TRUSTED_PROXIES", [3]),
        ("CACHE_SECONDS", -1),
        ("CACHE_SECONDS", "5"),
        ("CACHE_SECONDS", True),
        ("SHARED_CACHE", 3),
        ("EVENTS", []),
        ("EVENTS", {"RETENTIONS": "1d"}),
        ("EVENTS", {"RETENTION": "long"}),
    ],
)
def test_a_wrong_value_is_complained_about_in_words(name, bad):
    complaint = SETTINGS[name].complaint(bad)
    assert complaint
    assert complaint.removeprefix("RETENTION ").startswith(("must", "knows", "holds"))


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("KEY_PREFIX", "shop2"),
        ("KEY_DEFAULT_LIFETIME", None),
        ("KEY_MAX_LIFETIME", "1y"),
        ("PEPPERS", ("x" * 32,)),
        ("PEPPERS", []),
        ("CREDENTIALS", ["api_key"]),
        ("CREDENTIALS", []),
        ("TRUSTED_PROXIES", ["10.0.0.1", "2001:db8::/32"]),
        ("CACHE_SECONDS", 2.5),
        ("SHARED_CACHE", None),
        ("SHARED_CACHE", "redis"),
        ("EVENTS", {"RETENTION": None}),
        ("EVENTS", {"RETENTION": "365d"}),
    ],
)
def test_a_right_value_is_not(name, good):
    assert SETTINGS[name].complaint(good) is None
