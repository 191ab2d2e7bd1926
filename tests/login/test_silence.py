"""Nothing secret of a second factor is left anywhere: not in the database, the logs, the events, the errors, or what debug pages show."""

import logging
import re

from django.core import mail
from django.core.management import call_command
from django.db import connection

from django_apiaccess.background import flusher
from django_apiaccess.mfa.models import MFAChallenge, TOTPFactor
from tests.mfa.factors import NUMBER, call, code_of, log_in, post, send, sent_code, tokens, verify, wrong_for

COOKIE = "__Host-apiaccess_device"


def dump_of_the_database():
    """Every value of every row."""
    with connection.cursor() as cursor:
        texts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts += [str(row) for row in cursor.fetchall()]
    return "\n".join(texts)


def test_mf_03_mf_04_attack_34_attack_43_a_day_with_second_factors_leaves_no_secret(  # noqa: PLR0915 - one day, in its order
    ann, sms, clock, caplog, capsys, django_capture_on_commit_callbacks
):
    caplog.set_level(logging.DEBUG)
    secrets = {}
    with django_capture_on_commit_callbacks(execute=True):
        access = tokens()["access_token"]
        told = post("mfa/totp/", {"name": "App"}, token=access).json()
        device = TOTPFactor.objects.get(uid=told["id"])
        secrets |= {"seed": told["secret"], "hex": device.bin_key.hex(), "uri": told["otpauth_uri"]}
        secrets["first code"] = code_of(device)
        done = post(f"mfa/totp/{device.uid}/confirm/", {"code": secrets["first code"]}, token=access).json()
        access = done["access_token"]
        codes = post("mfa/recovery-codes/", token=access).json()["codes"]
        secrets |= {f"recovery {number}": code for number, code in enumerate(codes)}
        secrets |= {f"recovery {number} bare": code.replace("-", "") for number, code in enumerate(codes)}
        begun = post("mfa/sms/", {"number": NUMBER}, token=access).json()
        secrets["sms enrolment"] = sent_code()
        post(f"mfa/sms/{begun['id']}/confirm/", {"code": secrets["sms enrolment"]}, token=access)
        clock.next_code()
        secrets["mfa_token"] = token = log_in().json()["mfa_token"]
        secrets["wrong code"] = wrong_for(device)
        verify(token, "totp", secrets["wrong code"])
        verify(token, "recovery", "WRNG-WRNG-WRNG-WRNG")
        secrets["wrong recovery"] = "WRNG-WRNG"
        send(token)
        secrets["sms"] = sent_code()
        answer = verify(token, begun["id"], secrets["sms"], remember=True)
        secrets["device cookie"] = answer.cookies[COOKIE].value
        secrets["refresh"] = answer.json()["refresh_token"]
        second = log_in().json()["mfa_token"]
        secrets["second mfa_token"] = second
        secrets["code"] = code_of(device)
        verify(second, "totp", secrets["code"])
        third = log_in().json()["mfa_token"]
        secrets["used recovery code"] = codes[0]
        access = verify(third, "recovery", codes[0]).json()["access_token"]
        clock.next_code()
        started = post("mfa/step-up/", token=access).json()["mfa_token"]
        secrets["step-up token"] = started
        body = {"mfa_token": started, "method": "totp", "code": code_of(device)}
        secrets["step-up code"] = body["code"]
        access = post("mfa/step-up/verify/", body, token=access).json()["access_token"]
        call("delete", f"/access/mfa/methods/{device.uid}/", access)
        flusher.flush()
    call_command("check")
    database, out = dump_of_the_database(), capsys.readouterr()
    logs = "\n".join([caplog.text, *(str(vars(record)) for record in caplog.records)])
    reprs = "\n".join(repr(row) + repr(str(row)) for row in MFAChallenge.objects.all())
    mails = "\n".join(message.subject + message.body for message in mail.outbox)
    assert len(database) > 5000
    assert len(caplog.records) > 10
    assert mail.outbox
    places = {"database": database, "logs": logs, "output": out.out + out.err, "reprs": reprs, "mails": mails}
    found = [
        (name, place)
        for name, secret in secrets.items()
        for place, text in places.items()
        if secret in text and not is_chance(secret, text)
    ]
    assert found == []
    without_its_column = database.replace(f"'{NUMBER}'", "", 1)
    assert NUMBER not in without_its_column + logs + mails
    tokens_secret = [secret.split("_")[2] for name, secret in secrets.items() if "token" in name or "cookie" in name]
    assert not any(secret in database + logs for secret in tokens_secret)


def is_chance(secret, text):
    """Six digits may be part of a longer number, as a time in microseconds."""
    return len(secret) == 6 and re.search(rf"(?<![0-9A-Za-z]){secret}(?![0-9A-Za-z])", text) is None


def test_what_a_debug_page_would_show_holds_no_secret(ann, sms, clock):
    """`repr` of what the functions have in hand while something raises."""
    from django_apiaccess.exceptions import MFARequired
    from django_apiaccess.login.service import LoggedIn
    from django_apiaccess.mfa import challenges, enrolment, recovery
    from django_apiaccess.mfa.methods import Proven, Response

    text, challenge = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
    new = enrolment.begin_totp(ann)
    codes = recovery.make(ann)
    held = [
        Response("123456", {"id": "credential"}),
        Proven(("otp",), "aal2", ann),
        LoggedIn(None, "body", "td_secret"),
        MFARequired(ann, token=text),
        [text],
        [new, new.secret, new.uri],
        codes,
        challenge,
        vars(challenge),
    ]
    shown = "".join(map(repr, held))
    for secret in ("123456", "credential", "td_secret", str(text), str(new.secret), *map(str, codes)):
        assert secret not in shown, secret
