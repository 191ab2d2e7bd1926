"""What the system checks say of the gateway and of what is needed to judge numbers."""

from __future__ import annotations

import importlib.util
import re

import pytest
from django.core import mail
from django.test import override_settings

from django_apiaccess.sms import SMSGateway, build, checks, numbers
from tests.checking import with_access

PATH = "django_apiaccess.sms."
TWILIO = {
    "BACKEND": PATH + "twilio.TwilioGateway",
    "OPTIONS": {"account_sid": "AC" + "0" * 32, "auth_token": "very-secret-token", "from_number": "+15005550006"},
}


class Nested(SMSGateway):
    provider = "nested"
    for_development = True

    def send(self, to, body, *, purpose):
        raise NotImplementedError


def found(*, deploy=False, **mfa):
    """The messages of ours by id, for these entries of MFA."""
    with with_access(MFA=mfa):
        messages = [message for check in (checks.CHECKS, checks.DEPLOY_CHECKS)[deploy] for message in check()]
    told = "".join(f"{message.msg} {message.hint}" for message in messages)
    assert "very-secret-token" not in told
    assert all(message.hint for message in messages)
    return {message.id: message for message in messages}


@pytest.fixture
def in_production(monkeypatch):
    """Django's test runner has an outbox for mail, a server has none."""
    monkeypatch.delattr(mail, "outbox", raising=False)


@pytest.fixture
def without(monkeypatch):
    def make(package):
        real = importlib.util.find_spec
        for module in (build, numbers):
            monkeypatch.setattr(module, "find_spec", lambda name: None if name == package else real(name))

    return make


def test_without_a_gateway_nothing_is_said(in_production, without):
    without("phonenumbers")
    assert found() == found(deploy=True) == {}


def test_a_gateway_of_a_provider_with_its_countries_is_fine(in_production):
    entries = {"SMS_GATEWAY": TWILIO, "SMS_COUNTRIES": ["NL", "BE"], "SMS_REGION": "NL"}
    assert found(**entries) == found(deploy=True, **entries) == {}


@pytest.mark.parametrize(
    "gateway",
    [
        PATH + "console.ConsoleGateway", PATH + "locmem.LocMemGateway", PATH + "dummy.DummyGateway",
        {"BACKEND": PATH + "file.FileGateway", "OPTIONS": {"path": "/tmp/x"}}, [TWILIO, PATH + "console.ConsoleGateway"],
        f"{__name__}.Nested",
    ],
)  # fmt: skip
def test_e051_a_gateway_for_development_is_an_error_in_production(in_production, gateway):
    assert set(found(SMS_GATEWAY=gateway)) == {"apiaccess.E051"}
    with override_settings(DEBUG=True):
        assert found(SMS_GATEWAY=gateway) == {}


def test_e051_is_not_reported_where_djangos_tests_run():
    assert hasattr(mail, "outbox")
    assert found(SMS_GATEWAY=PATH + "locmem.LocMemGateway") == {}


@pytest.mark.parametrize(
    "gateway",
    [
        "nonsense", PATH + "twilio.Twillio", PATH + "numbers.mask", {"BACKEND": PATH + "twilio.TwilioGateway"},
        {**TWILIO, "OPTIONS": {**TWILIO["OPTIONS"], "auth_tokn": "very-secret-token"}}, [TWILIO, "no.such.Gateway"],
        {**TWILIO, "OPTIONS": {**TWILIO["OPTIONS"], "account_sid": "very-secret-token"}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("debug", [True, False])
def test_e050_a_gateway_that_cannot_be_made_is_an_error(gateway, debug):
    with override_settings(DEBUG=debug):
        message = found(SMS_GATEWAY=gateway)["apiaccess.E050"]
    assert "SMS_GATEWAY" in message.msg


@pytest.mark.parametrize(
    ("package", "gateway", "extra"),
    [
        ("boto3", {"BACKEND": PATH + "sns.SNSGateway", "OPTIONS": {"region": "eu-west-1"}}, "sns"),
        ("apprise", {"BACKEND": PATH + "apprise.AppriseGateway", "OPTIONS": {"url": "json://host/{to}"}}, "sms"),
    ],
)
def test_e052_a_gateway_whose_package_is_missing_is_an_error_that_names_the_extra(package, gateway, extra, without):
    assert "apiaccess.E052" not in found(SMS_GATEWAY=gateway)
    without(package)
    assert f"django-apiaccess[{extra}]" in found(SMS_GATEWAY=[TWILIO, gateway])["apiaccess.E052"].msg


@pytest.mark.parametrize(
    ("entries", "hint"),
    [
        ({"SMS_COUNTRIES": ["UK"]}, "Did you mean"), ({"SMS_BLOCKED_COUNTRIES": ["XX"]}, "Write two capital letters|Did you mean"),
        ({"SMS_REGION": "nl"}, "'NL'"), ({"SMS_REGION": "Netherlands"}, "Write two capital letters"),
    ],
)  # fmt: skip
def test_e053_a_country_that_does_not_exist_is_an_error(entries, hint):
    assert re.search(hint, found(**entries)["apiaccess.E053"].hint)


def test_e054_countries_that_nobody_can_tell_are_an_error(without):
    without("phonenumbers")
    assert set(found(SMS_GATEWAY=TWILIO, SMS_COUNTRIES=["NL"])) == {"apiaccess.E054"}
    assert set(found(SMS_GATEWAY=TWILIO, SMS_BLOCKED_COUNTRIES=["NL"])) == {"apiaccess.E054"}


def test_w050_numbers_that_are_known_by_their_form_only(without):
    without("phonenumbers")
    assert set(found(SMS_GATEWAY=TWILIO)) == {"apiaccess.W050"}


@pytest.mark.parametrize("option", ["allow_http", "allow_private"])
def test_w051_a_protection_that_was_taken_away(option):
    weak = {**TWILIO, "OPTIONS": {**TWILIO["OPTIONS"], option: True}}
    assert option in found(SMS_GATEWAY=[TWILIO, weak])["apiaccess.W051"].msg
    with override_settings(DEBUG=True):
        assert found(SMS_GATEWAY=weak) == {}


@pytest.mark.parametrize(
    "gateway",
    [
        {
            "BACKEND": PATH + "sns.SNSGateway",
            "OPTIONS": {"region": "eu-west-1", "endpoint_url": "http://localhost:4566"},
        },
        {"BACKEND": PATH + "apprise.AppriseGateway", "OPTIONS": {"url": "json://host/{to}"}},
        {"BACKEND": PATH + "apprise.AppriseGateway", "OPTIONS": {"url": "jsons://host/{to}?verify=no"}},
    ],
)
def test_w051_also_of_gateways_that_others_connect(gateway):
    assert set(found(SMS_GATEWAY=gateway)) == {"apiaccess.W051"}


def test_w052_messages_to_every_country():
    assert set(found(deploy=True, SMS_GATEWAY=TWILIO)) == {"apiaccess.W052"}
    assert found(deploy=True, SMS_GATEWAY=TWILIO, SMS_COUNTRIES=[]) == {}
