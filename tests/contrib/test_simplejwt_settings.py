"""SIMPLE_JWT read: every setting has its counterpart or a reason, and each insecure value its warning."""

from __future__ import annotations

import ast
from datetime import date, timedelta

import pytest
from django.conf import settings
from django.test import override_settings

from django_apiaccess import conf
from django_apiaccess.conf import entries
from django_apiaccess.contrib.simplejwt import mapping
from django_apiaccess.contrib.simplejwt.mapping import read_simple_jwt
from django_apiaccess.contrib.simplejwt.options import read
from tests.checking import found, ids

SOUND = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "RS256",
    "SIGNING_KEY": "a private key",
    "VERIFYING_KEY": "a public key",
    "AUDIENCE": "https://api.example",
    "ISSUER": "https://id.example",
}


def names_of(lines):
    return {line.name for line in lines}


def insecure(**changes):
    return names_of(read_simple_jwt({**SOUND, **changes}).insecure)


def test_every_setting_of_simplejwt_is_mapped():
    defaults = pytest.importorskip("rest_framework_simplejwt.settings").DEFAULTS
    assert defaults.keys() <= mapping.DEFAULTS.keys()
    assert mapping.DEFAULTS.keys() == mapping.CARRIED.keys()
    same = {name for name, value in defaults.items() if mapping.DEFAULTS[name] == value}
    assert defaults.keys() - same == {"SIGNING_KEY"}


def test_the_settings_of_ours_that_it_names_exist():
    for text in mapping.CARRIED.values():
        for name in text.replace("LEGACY_JWT['", "").replace("']", "").replace(";", " ").split():
            if name.isupper() and "_" in name and name != "LEGACY_JWT":
                assert name in conf.SETTINGS or name in entries.LEGACY_JWT_ENTRIES, text


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ALGORITHM": "HS256", "SIGNING_KEY": "x" * 64}, "ALGORITHM"),
        ({"ALGORITHM": "HS256", "SIGNING_KEY": "x" * 31}, "SIGNING_KEY"),
        ({"ALGORITHM": "HS256", "SIGNING_KEY": settings.SECRET_KEY}, "SIGNING_KEY"),
        ({"ACCESS_TOKEN_LIFETIME": timedelta(hours=2)}, "ACCESS_TOKEN_LIFETIME"),
        ({"ACCESS_TOKEN_LIFETIME": None}, "ACCESS_TOKEN_LIFETIME"),
        ({"REFRESH_TOKEN_LIFETIME": timedelta(days=365)}, "REFRESH_TOKEN_LIFETIME"),
        ({"ROTATE_REFRESH_TOKENS": False}, "ROTATE_REFRESH_TOKENS"),
        ({"BLACKLIST_AFTER_ROTATION": False}, "BLACKLIST_AFTER_ROTATION"),
        ({"CHECK_USER_IS_ACTIVE": False}, "CHECK_USER_IS_ACTIVE"),
        ({"AUDIENCE": None}, "AUDIENCE"),
        ({"ISSUER": None}, "ISSUER"),
        ({"LEEWAY": 3600}, "LEEWAY"),
        ({"LEEWAY": timedelta(hours=1)}, "LEEWAY"),
        ({"TOKEN_TYPE_CLAIM": None}, "TOKEN_TYPE_CLAIM"),
        ({"JTI_CLAIM": None}, "JTI_CLAIM"),
        ({"JWK_URL": "http://id.example/jwks"}, "JWK_URL"),
    ],
    ids=str,
)
def test_an_insecure_value_is_named(changes, name):
    assert name in insecure(**changes)
    assert name not in insecure() - {"BLACKLIST_AFTER_ROTATION"}  # its app is not installed in the suite's project


def test_a_password_that_changes_is_spoken_of_either_way():
    texts = {
        on: next(line.text for line in read_simple_jwt({**SOUND, "CHECK_REVOKE_TOKEN": on}).insecure
                 if line.name == "CHECK_REVOKE_TOKEN")
        for on in (True, False)
    }  # fmt: skip
    assert "MD5" in texts[True]
    assert "ends no token" in texts[False]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"AUTH_HEADER_TYPES": ("JWT",)}, "AUTH_HEADER_TYPES"),
        ({"AUTH_HEADER_TYPES": "JWT"}, "AUTH_HEADER_TYPES"),
        ({"AUTH_HEADER_NAME": "HTTP_X_TOKEN"}, "AUTH_HEADER_NAME"),
        ({"AUTH_TOKEN_CLASSES": ("rest_framework_simplejwt.tokens.SlidingToken",)}, "AUTH_TOKEN_CLASSES"),
        ({"TOKEN_OBTAIN_SERIALIZER": "shop.Mine"}, "TOKEN_OBTAIN_SERIALIZER"),
        ({"USER_AUTHENTICATION_RULE": "shop.rule"}, "USER_AUTHENTICATION_RULE"),
        ({"JWK_URL": "https://id.example/jwks"}, "JWK_URL"),
        ({"AUTH_HEADER_TYPE": "JWT"}, "AUTH_HEADER_TYPE"),
    ],
    ids=str,
)
def test_what_is_not_carried_over_is_named(changes, name):
    assert name in names_of(read_simple_jwt({**SOUND, **changes}).not_carried)
    assert name not in names_of(read_simple_jwt(SOUND).not_carried)


def test_what_is_to_be_pasted_is_accepted_once_the_key_is_filled_in():
    given = {
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
        "REFRESH_TOKEN_LIFETIME": timedelta(days=120),
        "USER_ID_FIELD": "username",
        "CHECK_REVOKE_TOKEN": True,
        "AUDIENCE": "https://api.example",
    }
    reading = read_simple_jwt(given, today=date(2027, 1, 1))
    assert reading.mapped.keys() == given.keys()
    text = reading.text()
    pasted = ast.literal_eval(text.partition("API_ACCESS = ")[2])
    for name, value in pasted.items():
        assert conf.SETTINGS[name].complaint(value) is None
    legacy = pasted["LEGACY_JWT"]
    assert legacy["ACCEPT_UNTIL"] == "2027-05-02"
    assert (pasted["SESSION_MAX_LIFETIME"], legacy["PASSWORD_CLAIM"]) == ("120d", "hash_password")
    defaults = {entry.name: entry.default for entry in entries.LEGACY_JWT_ENTRIES.values()}
    fields = read({**defaults, **legacy, "SIGNING_KEY": "x" * 32})
    assert fields["lifetimes"] == {"access": timedelta(minutes=15), "refresh": timedelta(days=120)}
    assert (fields["user_id_field"], fields["audiences"]) == ("username", ("https://api.example",))


def test_no_secret_is_shown():
    for given in ({}, {"SIGNING_KEY": "the very secret key of the project"}):
        text = read_simple_jwt(given).text()
        assert settings.SECRET_KEY not in text
        assert "the very secret key" not in text


def test_every_finding_is_a_check_of_its_own():
    with override_settings(SIMPLE_JWT={"AUTH_HEADER_NAME": "HTTP_X_TOKEN"}):
        from django.core.checks import run_checks

        messages = run_checks(tags=["apiaccess"])
        told = [message.msg for message in messages if message.id == "apiaccess.W040"]
        assert len(told) == len(read_simple_jwt().insecure) > 5
        assert "AUTH_HEADER_NAME" in found()["apiaccess.W041"].msg
        assert settings.SECRET_KEY not in str(messages)


def test_without_simple_jwt_there_is_nothing_to_say():
    assert not {"apiaccess.W040", "apiaccess.W041"} & ids()
    with override_settings(SIMPLE_JWT="nonsense"):
        assert not {"apiaccess.W040", "apiaccess.W099"} & ids()
