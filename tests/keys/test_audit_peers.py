"""Tables that other packages left: found by their names, also where the package is gone, with counts and never a value."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.planting import Plant, audited, clean_world, subjects

pytestmark = pytest.mark.django_db
CLEAR = "clear-text-secret"
COLUMNS = {
    "authtoken_token": "key varchar(40), user_id bigint, created timestamp",
    "knox_authtoken": "digest varchar(128), token_key varchar(25), user_id bigint, created timestamp, expiry timestamp",
    "rest_framework_api_key_apikey": "id varchar(150), prefix varchar(8), hashed_key varchar(150), revoked boolean, expiry_date timestamp",
    "oauth2_provider_accesstoken": "id bigint, token text, expires timestamp",
    "oauth2_provider_refreshtoken": "id bigint, token text, revoked timestamp",
    "oauth2_provider_application": "id bigint, client_secret varchar(255)",
    "token_blacklist_outstandingtoken": "id bigint, token text, expires_at timestamp",
    "token_blacklist_blacklistedtoken": "id bigint, token_id bigint",
}


@pytest.fixture
def world(db):
    """Every table, empty, as the package made it."""
    world = clean_world()
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
        for table, columns in COLUMNS.items():
            if table not in there:
                cursor.execute(f"CREATE TABLE {table} ({columns})")
    return world


def row(table, **values):
    adapt = connection.ops.adapt_datetimefield_value
    given = [adapt(value) if hasattr(value, "isoformat") else value for value in values.values()]
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", given)
    return table


def later(days=5):
    return timezone.now() + timedelta(days=days)


def authtoken(world, settings):
    return row("authtoken_token", key=CLEAR)


def knox(world, settings):
    return row("knox_authtoken", digest="a" * 64, token_key="abc", expiry=later())


def drf_api_key(world, settings):
    return row("rest_framework_api_key_apikey", id="1", prefix="abc", hashed_key="sha512$$x", revoked=False)


def dot(world, settings):
    return row("oauth2_provider_accesstoken", id=1, token=CLEAR, expires=later())


def simplejwt(world, settings):
    return row("token_blacklist_outstandingtoken", id=1, token=CLEAR, expires_at=later())


def otp(world, settings):
    from django_otp.plugins.otp_totp.models import TOTPDevice

    TOTPDevice.objects.create(user=world.ann, name="App")
    return "otp_totp_totpdevice"


PLANTED: dict[str, Plant] = {
    "peers.authtoken": authtoken,
    "peers.knox": knox,
    "peers.drf-api-key": drf_api_key,
    "peers.dot": dot,
    "peers.simplejwt": simplejwt,
    "peers.otp": otp,
}


def test_empty_tables_are_in_order(world):
    assert audited("peers") == []


def test_a_database_without_any_of_them_is_in_order(db):
    assert audited("peers") == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)
    assert CLEAR not in repr(found)


def test_what_is_dead_is_nobodys_concern(world):
    dead = timezone.now() - timedelta(days=1)
    row("oauth2_provider_accesstoken", id=1, token=CLEAR, expires=dead)
    row("oauth2_provider_refreshtoken", id=1, token=CLEAR, revoked=dead)
    row("token_blacklist_outstandingtoken", id=1, token=CLEAR, expires_at=dead)
    row("token_blacklist_outstandingtoken", id=2, token=CLEAR, expires_at=later())
    row("token_blacklist_blacklistedtoken", id=1, token_id=2)
    row("rest_framework_api_key_apikey", id="1", revoked=True)
    row("rest_framework_api_key_apikey", id="2", revoked=False, expiry_date=dead)
    assert audited("peers") == []


def test_what_is_a_digest_already_is_in_order(world):
    row("oauth2_provider_accesstoken", id=1, token="", expires=later())
    row("oauth2_provider_application", id=1, client_secret="pbkdf2_sha256$1000000$salt$x")
    row("oauth2_provider_application", id=2, client_secret="argon2$argon2id$v=19$x")
    row("knox_authtoken", digest="a" * 128, token_key="abc", expiry=later())
    assert audited("peers") == []


def test_each_kind_of_secret_of_one_package_is_told(world):
    dot(world, None)
    row("oauth2_provider_refreshtoken", id=1, token=CLEAR)
    row("oauth2_provider_application", id=1, client_secret=CLEAR)
    assert subjects("peers.dot") == {
        "oauth2_provider_accesstoken",
        "oauth2_provider_refreshtoken",
        "oauth2_provider_application",
    }


def test_tokens_without_an_end_and_under_a_short_digest_are_two_findings(world):
    row("knox_authtoken", digest="a" * 64, token_key="abc")
    assert {finding.aspect for finding in audited("peers.knox")} == {"digest", "expiry"}


def test_a_table_with_other_columns_hinders_nobody(db):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE knox_authtoken (something integer)")
        cursor.execute("INSERT INTO knox_authtoken VALUES (1)")
    assert audited("peers") == []
