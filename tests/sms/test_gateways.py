"""The gateways for development, and how the settings choose one."""

from __future__ import annotations

import io
import stat

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_apiaccess.sms import SendResult, SMSError, SMSGateway, build, get_gateway
from django_apiaccess.sms.console import ConsoleGateway
from django_apiaccess.sms.dummy import DummyGateway
from django_apiaccess.sms.failover import FailoverGateway
from django_apiaccess.sms.file import FileGateway
from django_apiaccess.sms.locmem import LocMemGateway, outbox

from .conftest import BODY, NUMBER, refused

PATH = "django_apiaccess.sms."
TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "very-secret-token", "from_number": "+15005550006"}


class OfTheProject(SMSGateway):
    def __init__(self, **options):
        self.options = options

    def send(self, to, body, *, purpose):
        return SendResult("1", self.provider, "sent")


def test_locmem_keeps_messages_and_shows_nothing_of_them():
    LocMemGateway().send(NUMBER, BODY, purpose="login")
    LocMemGateway().send(NUMBER, BODY, purpose="enroll")
    assert [(each.to, each.body, each.purpose) for each in outbox] == [
        (NUMBER, BODY, "login"),
        (NUMBER, BODY, "enroll"),
    ]
    assert repr(outbox) == "[Message(purpose='login'), Message(purpose='enroll')]"


def test_console_prints(capsys):
    ConsoleGateway().send(NUMBER, BODY, purpose="login")
    out = capsys.readouterr().out
    assert BODY in out
    assert NUMBER in out
    stream = io.StringIO()
    ConsoleGateway(stream=stream).send(NUMBER, BODY, purpose="login")
    assert BODY in stream.getvalue()


def test_file_writes_one_file_a_message_that_only_its_owner_reads(tmp_path):
    gateway = FileGateway(path=tmp_path / "new" / "folder")
    names = [gateway.send(NUMBER, f"{BODY} {each}", purpose="login").id for each in range(3)]
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.stem for file in files] == names
    assert files[2].read_text("utf-8") == f"To: {NUMBER}\nPurpose: login\n\n{BODY} 2\n"
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(FileGateway(path=tmp_path / "file")).temporary


def test_dummy_sends_nothing(capsys):
    assert DummyGateway().send(NUMBER, BODY, purpose="login").status == "dropped"
    assert capsys.readouterr() == ("", "")


def test_the_settings_choose_the_gateway_and_a_change_of_them_another(mfa):
    mfa(SMS_GATEWAY=PATH + "locmem.LocMemGateway")
    assert isinstance(get_gateway(), LocMemGateway)
    assert get_gateway() is get_gateway()
    mfa(SMS_GATEWAY={"BACKEND": PATH + "dummy.DummyGateway"})
    assert isinstance(get_gateway(), DummyGateway)
    mfa(SMS_GATEWAY=[PATH + "dummy.DummyGateway", {"BACKEND": f"{__name__}.OfTheProject", "OPTIONS": {"any": 1}}])
    chosen = get_gateway()
    assert isinstance(chosen, FailoverGateway)
    assert [type(each) for each in chosen.gateways] == [DummyGateway, OfTheProject]
    assert chosen.gateways[1].options == {"any": 1}
    mfa(SMS_GATEWAY=[PATH + "dummy.DummyGateway"])
    assert isinstance(get_gateway(), DummyGateway)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (None, "No SMS gateway is set"), ([], "empty list"), ("nonsense", "cannot be imported"), ("", "must be a dotted path"),
        (PATH + "twillio.TwilioGateway", "cannot be imported"), (PATH + "twilio.Twillio", "cannot be imported"),
        (PATH + "build.build", "is no subclass"), (PATH + "base.SendResult", "is no subclass"), (PATH + "base.SMSGateway", "abstract"),
        (5, "must be a dotted path"), ({}, "must be a dotted path"), ({"BACKEND": 5}, "must be a dotted path"),
        ({"BACKEND": PATH + "dummy.DummyGateway", "OPTION": {}}, "no entry 'OPTION'"),
        ({"BACKEND": PATH + "dummy.DummyGateway", "OPTIONS": []}, "OPTIONS must be a dict"),
        ({"BACKEND": PATH + "dummy.DummyGateway", "OPTIONS": {"a": 1}}, "no option 'a'; options: none"),
        ({"BACKEND": PATH + "file.FileGateway"}, "needs the option 'path'"),
        (PATH + "twilio.TwilioGateway", "needs the option 'account_sid'"),
        ({"BACKEND": PATH + "twilio.TwilioGateway", "OPTIONS": {**TWILIO, "auth_tokn": "x"}}, "did you mean 'auth_token'"),
        ({"BACKEND": PATH + "twilio.TwilioGateway", "OPTIONS": {**TWILIO, "ACCOUNT_SID": "x"}}, "did you mean 'account_sid'"),
        ({"BACKEND": PATH + "twilio.TwilioGateway", "OPTIONS": {**TWILIO, "account_sid": "very-secret-token"}}, "account_sid must be"),
        ({"BACKEND": PATH + "twilio.TwilioGateway", "OPTIONS": {**TWILIO, "account_sid": 5}}, "expected string"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_says_how_to_write_it_and_tells_no_secret(entry, what):
    for written in (entry, [entry]) if entry != [] else (entry,):
        with pytest.raises(ImproperlyConfigured, match=what.replace("(", r"\(")) as caught:
            build.build(written)
        assert "very-secret-token" not in str(caught.value)


def test_without_its_package_a_gateway_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    for path, extra in (("sns.SNSGateway", "sns"), ("apprise.AppriseGateway", "sms")):
        with pytest.raises(build.MissingExtra, match=rf"pip install 'django-apiaccess\[{extra}\]'"):
            build.build({"BACKEND": PATH + path, "OPTIONS": {}})


def test_an_error_and_a_gateway_show_nothing_of_their_options():
    gateway = build.build({"BACKEND": PATH + "twilio.TwilioGateway", "OPTIONS": TWILIO})
    assert repr(gateway) == "<TwilioGateway>"
    error = SMSError("It failed.", temporary=True, provider="twilio", code="1")
    assert str(error) == "It failed."
