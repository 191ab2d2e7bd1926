"""Telephone numbers: read, judged, and shown to others only in part.

With `phonenumbers` (extra `sms`) numbers are looked up in the numbering plans; without it only their form is known, so neither the country
nor a premium rate can be told. No error repeats the number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from ..exceptions import InvalidChange
from .config import option

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
CALLING_CODE: Final = re.compile(r"\+(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2})")
"""The country codes of ITU-T E.164: one digit, two, or three."""
WRITTEN: Final = re.compile(r"[+\d\s().\-/‐-―]+")
LONGEST: Final = 40
HOW: Final = "Write it with + and the country code, as in "
EXAMPLE: Final = "+31612345678"
NO_COUNTRY: Final = "001"
"""What `phonenumbers` calls the numbers of no country: satellites and international networks, the dearest there are."""
REFUSED: Final = {
    "PREMIUM_RATE": "This is a premium-rate number",
    "SHARED_COST": "This is a shared-cost number",
    "TOLL_FREE": "This is a freephone number",
    "FIXED_LINE": "This is a landline",
    "PERSONAL_NUMBER": "This is a personal number, which is forwarded at a price",
    "VOIP": "This is a number of internet telephony, which belongs to no device",
    "PAGER": "This is a pager",
    "UAN": "This is a company's number",
    "VOICEMAIL": "This is a voice mailbox",
}


class InvalidNumber(InvalidChange):
    """A number that gets no messages. `code` is `invalid_number`, `number_not_allowed` or `country_not_allowed`."""

    code = "invalid_number"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, field="number", code=code)


@dataclass(frozen=True, slots=True, repr=False)
class PhoneNumber:
    """A number that may get messages. `country` (ISO 3166, two letters) and `type` are None where nobody can tell."""

    e164: str
    country: str | None = None
    type: str | None = None

    @property
    def masked(self) -> str:
        return mask(self.e164)

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"<PhoneNumber {self.masked} {self.country}>"


def mask(number: str) -> str:
    """`+31******78`: enough for its owner to know it by, too little for others. Its length is not told either."""
    found = CALLING_CODE.match(number)
    if found is None:
        return "******"
    return f"{found[0]}******{number[-2:] if len(number) - found.end() >= 6 else ''}"


def has_numbering_plans() -> bool:
    """Whether `phonenumbers` is installed."""
    return find_spec("phonenumbers") is not None


def parse_number(text: str, region: str | None = None) -> PhoneNumber:
    """The number that was written. `region` (default `SMS_REGION`) is the country of numbers without + and code. Raises `InvalidNumber`."""
    region = (region or option("SMS_REGION") or "").upper() or None
    written = _cleaned(text)
    if written is None:
        raise InvalidNumber(f"This is no phone number. {HOW}{_example(region)}.")
    number = _looked_up(written, region) if has_numbering_plans() else _by_form(written)
    _check_country(number.country)
    return number


def _cleaned(text: Any) -> str | None:
    """What was written, without the invisible characters that come along from address books; None when it is no number at all."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    seen = "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) != "Cf").strip()
    return seen if WRITTEN.fullmatch(seen) else None


def _by_form(written: str) -> PhoneNumber:
    digits = re.sub(r"[^+\d]", "", written)
    if not E164.fullmatch(digits):
        raise InvalidNumber(f"This is no phone number. {HOW}{EXAMPLE}.")
    return PhoneNumber(digits)


def _looked_up(written: str, region: str | None) -> PhoneNumber:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        raise InvalidNumber(f"This is no phone number that exists. {HOW}{_example(region)}.")
    country = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    if country == NO_COUNTRY or kind not in {"MOBILE", "FIXED_LINE_OR_MOBILE"}:
        what = (
            "This is a number of no country" if country == NO_COUNTRY else REFUSED.get(kind, "This is no mobile number")
        )
        raise InvalidNumber(
            f"{what}: no messages go there. Use a mobile number, as {_example(country)}.", code="number_not_allowed"
        )
    return PhoneNumber(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), country, kind.lower())


def _example(region: str | None) -> str:
    """A mobile number of the country, from the numbering plan."""
    if region is None or not has_numbering_plans():
        return EXAMPLE
    import phonenumbers

    found = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    return EXAMPLE if found is None else str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))


def _check_country(country: str | None) -> None:
    """Closed when lists are set and nobody can tell the country."""
    allowed, blocked = option("SMS_COUNTRIES"), option("SMS_BLOCKED_COUNTRIES")
    if allowed is None and not blocked:
        return
    if (
        country is None
        or (allowed is not None and country not in {each.upper() for each in allowed})
        or country in {each.upper() for each in blocked or ()}
    ):
        raise InvalidNumber(
            "No messages go to numbers of this country. Use a number of another country, or another method.",
            code="country_not_allowed",
        )
