"""Checks of the setting `LEAKS`."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks

from django_apiaccess import conf
from django_apiaccess.leaks import checks


def found(settings: Any, **entries: Any) -> list[str]:
    settings.API_ACCESS = {**settings.API_ACCESS, "LEAKS": entries}
    return [str(message.id) for check in checks.CHECKS for message in check()]


def test_the_defaults_are_right(settings):
    assert found(settings) == []
    assert found(settings, GITHUB=True) == []


@pytest.mark.parametrize(
    "url", ["http://api.github.com/keys", "ftp://x.example/", "https://", "https://a:b@x.example/", "x", "https://[/"]
)
def test_an_address_that_is_never_fetched_is_an_error(settings, url):
    assert found(settings, GITHUB=True, GITHUB_KEYS_URL=url) == ["apiaccess.E080"]
    assert found(settings, GITHUB_KEYS_URL=url) == []


def test_an_endpoint_that_no_url_leads_to_is_an_error(settings):
    settings.ROOT_URLCONF = "django_apiaccess.wellknown"
    assert found(settings, GITHUB=True) == ["apiaccess.E081"]


@pytest.mark.parametrize("name", ["GITHUB_ALLOW_HTTP", "GITHUB_ALLOW_PRIVATE"])
def test_keys_that_anybody_can_put_in_are_a_warning_outside_of_debug(settings, name):
    assert found(settings, GITHUB=True, **{name: True}) == ["apiaccess.W080"]
    settings.DEBUG = True
    assert found(settings, GITHUB=True, **{name: True}) == []


def test_leaving_every_leaked_key_open_is_a_warning(settings):
    assert found(settings, ON_LEAK="notify") == ["apiaccess.W081"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "must be a dict"), ({"ON_LEEK": "revoke"}, "did you mean 'ON_LEAK'?"), ({"ON_LEAK": "delete"}, "'revoke', 'retire', 'notify'"),
        ({"GITHUB": "yes"}, "True or False"), ({"RETIRE_AFTER": "0s"}, "above 0"), ({"RETIRE_AFTER": "30d"}, "at most"),
        ({"REPORTS_RATE": "often"}, "must be a rate"), ({"GITHUB_KEYS_URL": ""}, "not empty"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_an_error_that_says_how_to_write_it(settings, value, says):
    settings.API_ACCESS = {**settings.API_ACCESS, "LEAKS": value}
    messages = [message.msg for message in run_checks(tags=["apiaccess"]) if message.id == "apiaccess.E003"]
    assert len(messages) == 1
    assert says in messages[0]
    assert conf.SETTINGS["LEAKS"].default == {}
