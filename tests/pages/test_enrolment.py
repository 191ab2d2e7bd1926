"""Adding a factor on the pages, by choice and because the policy wants one."""

import re
import time

import pytest
from django_otp.oath import hotp

from django_apiaccess.mfa import enrolment
from django_apiaccess.mfa.models import RecoveryCode, SMSFactor, TOTPFactor
from tests.mfa.factors import NUMBER, app_of, code_of, sent_code, wrong_for
from tests.pages.visiting import ADD, LOGIN, RECOVERY, SECURITY, TOTP, VERIFY, is_whole, led_to, log_in

PHONE = f"{SECURITY}phone/"


@pytest.fixture
def boss(make_user):
    """A superuser with a password only."""
    return make_user("boss", is_staff=True, is_superuser=True)


def begin_totp(tab, **fields):
    """Where to confirm the app, and the app as the database has it."""
    page = tab.post(TOTP, fields).content.decode()
    address = re.search(rf'action="({TOTP}[^"]+/)"', page)[1]
    return address, TOTPFactor.objects.get(uid=address.split("/")[-2])


def test_80_who_must_enrol_gets_to_that_and_to_nothing_else(tab, boss, required):
    assert led_to(log_in(tab, "boss", next="/admin/")) == (VERIFY, "/admin/")
    assert led_to(tab.get(VERIFY, {"next": "/admin/"})) == (ADD, "")
    for path in (SECURITY, RECOVERY, VERIFY, f"{SECURITY}factors/recovery/remove/"):
        assert led_to(tab.get(path)) == (ADD, "")
    for path in (RECOVERY, f"{SECURITY}devices/end/", f"{SECURITY}sessions/end/"):
        assert led_to(tab.post(path)) == (ADD, "")
    assert not RecoveryCode.objects.exists()
    assert tab.get("/read-only/").status_code == 401

    address, device = begin_totp(tab)
    before = tab.session.session_key
    assert led_to(tab.post(address, {"code": code_of(device)})) == (RECOVERY, "")
    assert tab.session.session_key != before
    assert 'href="/admin/"' in tab.get(RECOVERY).content.decode()
    assert tab.get("/admin/").status_code == 200
    assert is_whole(tab)


def test_an_enrolment_does_not_wait_for_ever(tab, boss, required, clock):
    log_in(tab, "boss")
    address, device = begin_totp(tab)
    clock.pass_by(minutes=16)
    assert led_to(tab.post(address, {"code": code_of(device)}))[0] == LOGIN
    assert not TOTPFactor.objects.filter(confirmed=True).exists()


def test_whoever_has_a_factor_cannot_enrol_around_it(tab, ann, app):
    log_in(tab)
    for path in (ADD, TOTP, PHONE, f"{SECURITY}passkey/"):
        assert led_to(tab.get(path)) == (VERIFY, path)
        assert led_to(tab.post(path, {"number": NUMBER}))[0] == VERIFY
    answer = tab.post(f"{SECURITY}passkey/options/")
    assert answer.status_code == 401
    assert answer.json()["go_to"].startswith(VERIFY)
    assert TOTPFactor.objects.count() == 1


def test_the_secret_is_shown_once_and_a_wrong_code_does_not_show_it_again(tab, ann, clock):
    log_in(tab)
    answer = tab.post(TOTP, {"name": "Mine"})
    page = answer.content.decode()
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert answer["Cache-Control"] == "no-store"
    device = TOTPFactor.objects.get()
    address = f"{TOTP}{device.uid}/"
    assert "<svg" in page
    wrong = tab.post(address, {"code": wrong_for(device)})
    assert wrong.status_code == 400
    for other in (wrong, tab.get(address), tab.get(TOTP), tab.get(SECURITY)):
        assert secret not in other.content.decode().replace(" ", "")
        assert "<svg" not in other.content.decode()
    assert secret not in str(dict(tab.session))
    assert led_to(tab.post(address, {"code": code_of(device)})) == (RECOVERY, "")
    assert "Mine" in tab.get(SECURITY).content.decode()


def test_looking_changes_nothing(tab, ann, sms):
    log_in(tab)
    for path in (ADD, TOTP, PHONE, f"{SECURITY}passkey/", RECOVERY, f"{SECURITY}devices/end/", f"{SECURITY}logout/"):
        tab.get(path)
    assert not TOTPFactor.objects.exists()
    assert not SMSFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert sms == []
    assert is_whole(tab)


def test_28_guesses_at_a_new_app_are_counted(tab, ann, clock):
    log_in(tab)
    address, device = begin_totp(tab)
    answers = [tab.post(address, {"code": wrong_for(device)}).status_code for _attempt in range(8)]
    assert answers[0] == 400
    assert 429 in answers
    assert tab.post(address, {"code": code_of(device)}).status_code == 429


@pytest.mark.parametrize("whose", ["another person's", "none"])
def test_28_an_app_that_is_not_ones_own_is_not_confirmed(tab, ann, bob, clock, whose):
    device = app_of(bob, confirmed=False)
    log_in(tab)
    address = f"{TOTP}{device.uid if whose != 'none' else 'x'}/"
    assert led_to(tab.post(address, {"code": code_of(device)})) == (TOTP, "")
    assert not TOTPFactor.objects.filter(confirmed=True).exists()


def test_a_phone_is_confirmed_by_the_code_that_it_got(tab, ann, sms, clock):
    log_in(tab)
    path, _then = led_to(tab.post(PHONE, {"number": "+31 6 12345678", "name": "Mobile"}))
    page = tab.get(path).content.decode()
    assert NUMBER not in page
    assert "+31******78" in page
    first = sent_code()
    again, _then = led_to(tab.post(path, {"action": "send"}))
    assert len(sms) == 2
    if first != sent_code():
        assert tab.post(again, {"code": first}).status_code == 400
    assert led_to(tab.post(again, {"code": sent_code()})) == (RECOVERY, "")
    device = SMSFactor.objects.get()
    assert (device.confirmed, device.name, device.number) == (True, "Mobile", NUMBER)


@pytest.mark.parametrize("number", ["", "12", "hello", "+31", "0" * 41, "+1\0900"])
def test_a_number_that_is_none_is_told_and_nothing_is_sent(tab, ann, sms, number):
    log_in(tab)
    answer = tab.post(PHONE, {"number": number})
    assert answer.status_code == 400
    assert 'id="id_number_error"' in answer.content.decode()
    assert sms == []


def test_six_wrong_codes_end_the_phones_enrolment(tab, ann, sms, clock):
    log_in(tab)
    path, _then = led_to(tab.post(PHONE, {"number": NUMBER}))
    right = sent_code()
    wrong = "000000" if right != "000000" else "000001"
    for _attempt in range(5):
        assert tab.post(path, {"code": wrong}).status_code == 400
    assert led_to(tab.post(path, {"code": right})) == (PHONE, "")
    assert not SMSFactor.objects.filter(confirmed=True).exists()


def test_37_recovery_codes_are_in_one_answer_only_and_the_set_before_is_dead(tab, ann, app):
    log_in(tab)
    tab.post(VERIFY, {"code": code_of(app)})
    answer = tab.post(RECOVERY)
    codes = re.findall(r"<code>([0-9A-Z-]{19})</code>", answer.content.decode())
    assert len(set(codes)) == 10
    assert answer["Cache-Control"] == "no-store"
    for page in (tab.get(RECOVERY), tab.get(SECURITY)):
        assert not any(code in page.content.decode() for code in codes)
    assert not any(code in str(dict(tab.session)) for code in codes)
    tab.post(RECOVERY)
    tab.post(f"{SECURITY}logout/")
    log_in(tab)
    assert tab.post(f"{VERIFY}?method=recovery", {"code": codes[0]}).status_code == 400


def test_recovery_codes_alone_are_refused(tab, ann):
    log_in(tab)
    answer = tab.post(RECOVERY)
    assert answer.status_code == 400
    assert "first" in answer.content.decode()
    assert not RecoveryCode.objects.exists()


def test_adding_a_weaker_factor_leaves_what_was_proven(tab, ann, app, sms):
    log_in(tab)
    tab.post(VERIFY, {"code": code_of(app)})
    path, _then = led_to(tab.post(PHONE, {"number": NUMBER}))
    tab.post(path, {"code": sent_code()})
    assert tab.session["apiaccess_proof"]["acr"] == "aal2"


@pytest.mark.parametrize("answer", ["", "{}", "[1]", '{"id": "x", "response": {}}', "[" * 50_000])
def test_58_garbage_for_a_passkey_is_refused(tab, ann, answer):
    log_in(tab)
    begun = tab.post(f"{SECURITY}passkey/options/").json()
    assert begun["options"]["authenticatorSelection"]["userVerification"] == "required"
    refused = tab.post(f"{SECURITY}passkey/", {"id": begun["id"], "credential": answer})
    assert refused.status_code == 400
    assert tab.post(f"{SECURITY}passkey/", {"id": "\0", "credential": answer}).status_code == 400


def test_the_policys_day_is_on_the_page_until_there_is_a_factor(tab, boss, mfa, clock):
    mfa(REQUIRED_FOR=["staff"], GRACE="14d")
    log_in(tab, "boss")
    page = tab.get(SECURITY).content.decode()
    assert "Add a second factor by" in page
    app_of(boss)
    tab.post(f"{SECURITY}logout/")
    log_in(tab, "boss")
    key = TOTPFactor.objects.get().bin_key
    tab.post(VERIFY, {"code": f"{hotp(key, int(time.time()) // 30):06d}"})
    assert "Add a second factor by" not in tab.get(SECURITY).content.decode()


def test_the_qr_code_says_what_the_secret_is(ann):
    zxing = pytest.importorskip("zxingcpp")
    segno = pytest.importorskip("segno")
    image = pytest.importorskip("PIL.Image")
    import io

    new = enrolment.begin_totp(ann)
    file = io.BytesIO()
    segno.make(new.uri, error="m").save(file, kind="png", scale=5)
    assert zxing.read_barcodes(image.open(file))[0].text == new.uri
