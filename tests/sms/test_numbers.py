"""Which numbers are read, which are refused, and how little is shown of them."""

from __future__ import annotations

import importlib.util
import pickle
import traceback

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.sms import InvalidNumber, PhoneNumber, mask, numbers, parse_number


def refusal(text, region=None):
    with pytest.raises(InvalidNumber) as caught:
        parse_number(text, region)
    told = "".join(traceback.format_exception(caught.value)).replace(phonenumbers.__file__, "")
    digits = "".join(each for each in str(text) if each.isdigit())
    assert len(digits) < 6 or digits not in told.replace(" ", "")
    assert caught.value.field == "number"
    return caught.value


@pytest.fixture
def without_plans(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(numbers, "find_spec", lambda name: None if name == "phonenumbers" else found(name))


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+31612345678", None), ("+31 6 12 34 56 78", None), ("+31 (0)6-12345678", None), ("06 1234 5678", "NL"), ("06-12345678", "nl"),
        ("0031612345678", "NL"), ("  +31612345678\n", None), ("\u202a+31 6 1234 5678\u202c", None),
        ("+31\u00a06\u00a01234\u00a05678", None),
        ("+31‑6‑12345678", None), ("＋３１６１２３４５６７８", None), ("+٣١٦١٢٣٤٥٦٧٨", None), ("+31612345678", "US"),
    ],
)  # fmt: skip
def test_a_number_is_read_however_people_write_it(text, region):
    number = parse_number(text, region)
    assert (number.e164, number.country, number.type) == ("+31612345678", "NL", "mobile")


def test_the_country_of_the_settings_is_that_of_numbers_without_one(mfa):
    refusal("0687654321")
    mfa(SMS_REGION="NL")
    assert parse_number("0612345678").e164 == "+31612345678"
    assert parse_number("07400 123456", "GB").country == "GB"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "+", "0687654321", "687654321", "+3168765432", "+316876543219", "+99987654321", "+0687654321", "112", "911", "+112",
        "32665", "+1911", "hello", "+31687654321x5", "+31687654321 ext. 5", "+31687654321;ext=5",
        "tel:+31687654321", "1-800-FLOWERS", "+316123CALL8",
        "+31687654321,+31687654321", "+31687654321\x00", "+" + "3" * 100, "0" * 10_000, None, 31687654321, ["+31687654321"], {},
        b"+31687654321",
        True, "<script>", "+31687654321'--", "🤳",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_an_example(text):
    error = refusal(text)
    assert error.code == "invalid_number"
    assert "as in +31612345678" in error.message


def test_the_example_is_one_of_the_persons_own_country():
    assert "+447400123456" in refusal("123", "GB").message
    assert "+12015550123" in refusal("123", "us").message
    assert "+31612345678" in refusal("123", "ZZ").message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("+31900123456", "premium-rate"), ("+449098765432", "premium-rate"), ("+19002530000", "premium-rate"),
        ("+39848123456", "shared-cost"), ("+498001234567", "freephone"), ("+31800123456", "freephone"),
        ("+31201234567", "landline"), ("+442079460018", "landline"), ("+447011234567", "forwarded at a price"),
        ("+881612345678", "no country"), ("+882161234567890", "no country"), ("+80012345678", "no country"),
        ("+979123456789", "no country"),
        ("+445612345678", "internet telephony"), ("+447640123456", "pager"),
    ],
)  # fmt: skip
def test_a_number_that_costs_more_or_gets_no_messages_is_refused(text, what):
    if not phonenumbers.is_valid_number(phonenumbers.parse(text)):
        pytest.fail(f"{text} is no example of it")
    error = refusal(text)
    assert error.code == "number_not_allowed"
    assert what in error.message


@pytest.mark.parametrize("kind", ["PREMIUM_RATE", "SHARED_COST"])
def test_no_country_has_a_dear_number_that_passes(kind):
    dear = getattr(phonenumbers.PhoneNumberType, kind)
    tried = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, dear)
        if example is not None and phonenumbers.number_type(example) == dear:
            tried += 1
            refusal(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    assert tried > 50


def test_every_country_has_a_mobile_number_that_passes():
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None and phonenumbers.is_valid_number(example):
            assert parse_number(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)).country


def test_only_the_countries_that_are_listed_get_messages(mfa):
    mfa(SMS_COUNTRIES=["NL", "BE"])
    assert parse_number("+31612345678").country == "NL"
    error = refusal("+447400123456")
    assert error.code == "country_not_allowed"
    mfa(SMS_COUNTRIES=[])
    assert refusal("+31612345678").code == "country_not_allowed"


def test_a_blocked_country_gets_none_also_when_it_is_listed(mfa):
    mfa(SMS_BLOCKED_COUNTRIES=["NL"])
    assert refusal("+31612345678").code == "country_not_allowed"
    assert parse_number("+447400123456").country == "GB"
    mfa(SMS_COUNTRIES=["NL"])
    assert refusal("+31612345678").code == "country_not_allowed"


def test_countries_that_share_a_code_are_told_apart(mfa):
    mfa(SMS_COUNTRIES=["US"])
    assert parse_number("+12015550123").country == "US"
    assert refusal("+18762101234").code == "country_not_allowed"  # Jamaica
    mfa(SMS_COUNTRIES=["GB"])
    assert refusal("+447781123456").code == "country_not_allowed"  # Guernsey


def test_without_the_package_only_the_exact_form_passes(without_plans):
    number = parse_number("+31 6 1234-5678")
    assert (number.e164, number.country, number.type) == ("+31612345678", None, None)
    for text in (
        "0687654321", "31687654321", "+0687654321", "+316", "+" + "3" * 16, "++31687654321", "+31+687654321", "hello", None,
    ):  # fmt: skip
        assert refusal(text).code == "invalid_number"


def test_without_the_package_a_list_of_countries_lets_nobody_pass(without_plans, mfa):
    mfa(SMS_COUNTRIES=["NL"])
    assert refusal("+31612345678").code == "country_not_allowed"
    mfa(SMS_COUNTRIES=None, SMS_BLOCKED_COUNTRIES=["GB"])
    assert refusal("+31612345678").code == "country_not_allowed"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+31612345678", "+31******78"), ("+12015550123", "+1******23"), ("+447400123456", "+44******56"), ("+35312345678", "+353******78"),
        ("+79161234567", "+7******67"), ("+8613812345678", "+86******78"), ("+316", "+31******"), ("+3161234", "+31******"), ("", "******"),
        ("0612345678", "******"), ("+0", "******"), ("hello", "******"), ("+", "******"),
    ],
)  # fmt: skip
def test_a_masked_number_is_known_by_its_owner_only(number, shown):
    assert mask(number) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_mask_never_tells_more_than_the_country_and_two_digits(number):
    shown = mask(number)
    assert sum(each.isdigit() for each in shown) <= 5
    assert "******" in shown


def test_the_code_that_a_mask_shows_is_that_of_the_country():
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        assert mask(f"+{code}612345678").startswith(f"+{code}***")


def test_a_number_shows_itself_masked_only():
    number = parse_number("+31612345678")
    assert f"{number} {number!r} {[number]} {number.masked}".count("12345678") == 0
    assert number == PhoneNumber("+31612345678", "NL", "mobile") == pickle.loads(pickle.dumps(number))
