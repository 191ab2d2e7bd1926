"""Checks of peppers, lifetimes, the lag of revocations, and where rates are counted."""

import pytest
from django.conf import settings
from django.test import override_settings

from tests.checking import PEPPER, found, ids, with_access

pytestmark = pytest.mark.usefixtures("clean_project")


def test_a_shared_cache_that_does_not_exist_is_an_error_that_names_the_nearest():
    with with_access(SHARED_CACHE="defualt"):
        assert "Did you mean 'default'?" in found()["apiaccess.E004"].hint


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache"])
def test_a_shared_cache_that_workers_do_not_share_is_warned_of(backend):
    caches = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    with with_access(SHARED_CACHE="default"), override_settings(CACHES=caches):
        assert ids() == {"apiaccess.W003"}


def test_redis_as_shared_cache_passes():
    caches = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://localhost"}}
    with with_access(SHARED_CACHE="default"), override_settings(CACHES=caches):
        assert ids() == set()


def test_a_cache_slower_to_learn_of_revocations_than_accepted_is_an_error():
    with with_access(CACHE_SECONDS=5):
        assert ids() == {"apiaccess.E005"}
    with with_access(CACHE_SECONDS=5, MAX_REVOCATION_LAG=1):
        assert ids() == set()
    with with_access(CACHE_SECONDS=5, GENERATION_SECONDS=2, MAX_REVOCATION_LAG=1):
        assert ids() == {"apiaccess.E005"}


def test_a_pepper_that_derives_from_the_secret_key_is_warned_of_outside_debug():
    with override_settings(API_ACCESS={}, DEBUG=False):
        assert ids() == {"apiaccess.W001"}


@pytest.mark.parametrize(
    "pepper", ["a" * 40, "abcabcabc" * 5, "insecure-demo-pepper-please-set-another-one", "change-me-" * 4]
)
def test_a_pepper_that_is_easy_to_guess_or_for_show_is_warned_of(pepper):
    with with_access(PEPPERS=[PEPPER, pepper]):
        message = found()["apiaccess.W002"]
    assert "Pepper 2" in message.msg
    assert pepper not in message.msg + message.hint


def test_a_pepper_that_is_the_secret_key_is_warned_of_also_in_debug():
    with override_settings(API_ACCESS={"PEPPERS": [settings.SECRET_KEY]}, DEBUG=True):
        assert "SECRET_KEY itself" in found()["apiaccess.W002"].msg


def test_counting_rates_in_a_transaction_that_may_roll_back_is_warned_of():
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert ids() == {"apiaccess.W004"}
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.parametrize("default", ["2y", None])
def test_a_default_lifetime_above_the_maximum_is_warned_of(default):
    with with_access(KEY_DEFAULT_LIFETIME=default, KEY_MAX_LIFETIME="90d"):
        assert ids() == {"apiaccess.W006"}
