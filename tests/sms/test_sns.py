"""Sending by Amazon SNS: to moto, which plays AWS inside boto3, and over HTTP to a server that answers as SNS does."""

from __future__ import annotations

import logging
import time

import pytest
from moto import mock_aws
from moto.sns.models import sns_backends

from django_apiaccess.sms.sns import SNSGateway

from .conftest import BODY, NUMBER, TELLING, refused

OPTIONS = {"region": "eu-west-1", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "very-secret-token"}
PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>%s</MessageId></PublishResult>'
    b"<ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></PublishResponse>"
)
MESSAGE = b"94f20ce6-13c5-43a0-9a9e-ca52d816e90b"


def failure(code):
    return (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message><![CDATA[(what was sent)]]></Message></Error></ErrorResponse>"
    ).encode()


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    """Nothing of the machine's own AWS set-up."""
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")


def gateway_of(provider, **options):
    return SNSGateway(endpoint_url=provider.url, timeout=0.5, **{**OPTIONS, **options})


def test_a_message_is_published_to_the_number():
    with mock_aws():
        result = SNSGateway(**OPTIONS).send(NUMBER, BODY, purpose="login")
        sent = sns_backends["123456789012"]["eu-west-1"].sms_messages
        assert [(number, body) for number, body in sent.values()] == [(NUMBER, BODY)]
        assert result.id in sent
        assert (result.provider, result.status) == ("sns", "sent")


def test_a_number_that_is_none_is_refused_by_aws_for_good():
    with mock_aws():
        error = refused(SNSGateway(**OPTIONS), to="+not-a-number")
    assert (error.temporary, error.code) == (False, "InvalidParameter")


def test_the_request_is_a_transactional_message_with_its_sender(provider):
    provider.serve(200, PUBLISHED % MESSAGE)
    gateway = gateway_of(provider, sender_id="Example", origination_number="+15005550006")
    assert gateway.send(NUMBER, BODY, purpose="login").id == MESSAGE.decode()
    form = provider.asked[0][1]
    assert (form["Action"], form["PhoneNumber"], form["Message"]) == ("Publish", NUMBER, BODY)
    assert {"Transactional", "Example", "+15005550006"} <= set(form.values())


@pytest.mark.parametrize(
    ("status", "code", "temporary"),
    [
        (400, "InvalidParameter", False), (400, "OptedOut", False), (400, "Throttling", True), (400, "KMSThrottling", True),
        (403, "AuthorizationError", True), (403, "InvalidClientTokenId", True), (500, "InternalError", True),
        (503, "ServiceUnavailable", True),
    ],
)  # fmt: skip
def test_errors_of_the_number_are_permanent_and_others_are_not(provider, status, code, temporary):
    provider.serve(status, failure(code))
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code, error.provider) == (temporary, code, "sns")
    assert len(provider.asked) == 1, "it is the fail-over that tries again, not boto3"


def test_what_aws_repeats_gets_into_no_error(provider):
    for code in ("<![CDATA[(what was sent)]]>", "(what was sent)", "", NUMBER):
        provider.serve(400, failure(code))
        assert refused(gateway_of(provider)).temporary


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>(what was sent)</html>",
        b"OK",
        PUBLISHED % b"<![CDATA[(what was sent)]]>",
        PUBLISHED % b"",
        PUBLISHED[:90],
    ],
)
def test_a_lie_in_place_of_an_answer_is_no_success(provider, body):
    provider.serve(200, body)
    assert refused(gateway_of(provider)).temporary


def test_a_provider_that_hangs_is_given_up_in_time(provider):
    provider.hangs = True
    started = time.monotonic()
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, "ReadTimeoutError")
    assert time.monotonic() - started < 3


def test_without_credentials_it_is_an_error_of_the_gateway(provider):
    error = refused(gateway_of(provider, access_key_id="", secret_access_key=""))
    assert (error.temporary, error.code) == (True, "NoCredentialsError")


def test_boto3_alone_would_tell_the_code_in_its_debug_log(provider, caplog):
    """What the silence is for: without it the log has the message."""
    provider.serve(200, PUBLISHED % MESSAGE)
    gateway = gateway_of(provider)
    gateway._publish(NUMBER, BODY)
    assert TELLING[0] in caplog.text
    caplog.clear()
    gateway.send(NUMBER, BODY, purpose="login")
    assert [record for record in caplog.records if record.name.startswith("botocore")], "it logs, and says nothing"
    assert logging.getLogger("botocore.endpoint").isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize(
    "options", [{"sender_id": "x" * 12}, {"sender_id": "123"}, {"sender_id": "a b"}, {"secret_access_key": ""}]
)
def test_options_that_cannot_work_are_refused_when_they_are_written(options):
    with pytest.raises(ValueError, match=r"sender_id|access_key_id"):
        SNSGateway(**{**OPTIONS, **options})
