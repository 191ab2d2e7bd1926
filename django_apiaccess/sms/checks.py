"""Checks of the gateway for text messages, and of what is needed to judge numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from django.core import mail
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import access_settings
from .base import SMSGateway
from .build import HOW, MissingExtra, build
from .config import option
from .failover import FailoverGateway
from .numbers import has_numbering_plans

INSTALL: Final = "pip install 'django-apiaccess[sms]'."


def check_gateway() -> Iterator[CheckMessage]:
    if not sound("MFA") or option("SMS_GATEWAY") is None:
        return
    try:
        gateway = build(option("SMS_GATEWAY"))
    except MissingExtra as problem:
        yield error(CheckId.SMS_EXTRA_MISSING, str(problem), "Install it, or choose another gateway.")
        return
    except ImproperlyConfigured as problem:
        yield error(CheckId.BAD_SMS_GATEWAY, str(problem), HOW)
        return
    if access_settings.debug:
        return
    for each in leaves(gateway):
        if each.for_development and not _in_tests():
            yield error(
                CheckId.SMS_REACHES_NOBODY,
                f"The SMS gateway {each.provider} sends no message to anybody, and DEBUG is off.",
                "Set the gateway of a provider, or SMS_GATEWAY to None.",
            )
        if each.weaknesses:
            yield warning(
                CheckId.WEAK_SMS_GATEWAY,
                f"The SMS gateway {each.provider} is asked with {', '.join(each.weaknesses)}: who is on the way can read the codes.",
                f"Take {each.weaknesses[0]!r} out of OPTIONS, or ask the provider by https; it is for tests.",
            )


def leaves(gateway: SMSGateway) -> Iterable[SMSGateway]:
    """The gateway, or those among which it chooses."""
    if isinstance(gateway, FailoverGateway):
        for each in gateway.gateways:
            yield from leaves(each)
    else:
        yield gateway


def _in_tests() -> bool:
    """Whether this is a test run, which turns DEBUG off and has an outbox for mail too."""
    return hasattr(mail, "outbox")


def check_countries() -> Iterator[CheckMessage]:
    if not sound("MFA"):
        return
    listed = [*(option("SMS_COUNTRIES") or ()), *(option("SMS_BLOCKED_COUNTRIES") or ())]
    wanted, region = option("SMS_GATEWAY") is not None, option("SMS_REGION")
    if not (listed or wanted or region):
        return
    if not has_numbering_plans():
        if listed and wanted:
            yield error(
                CheckId.SMS_COUNTRIES_UNTOLD,
                "SMS_COUNTRIES or SMS_BLOCKED_COUNTRIES is set, and no number's country can be told without the package phonenumbers: "
                "no number is accepted.",
                INSTALL,
            )
        elif wanted:
            yield warning(
                CheckId.SMS_NUMBERS_BY_FORM,
                "Without the package phonenumbers, numbers at a premium rate and numbers that do not exist are not recognised.",
                INSTALL,
            )
        return
    from phonenumbers import SUPPORTED_REGIONS

    for country in dict.fromkeys([*listed, *filter(None, [region])]):
        if country not in SUPPORTED_REGIONS:
            near = difflib.get_close_matches(country.upper(), sorted(SUPPORTED_REGIONS), n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else "Write two capital letters of ISO 3166, as 'NL'."
            yield error(
                CheckId.UNKNOWN_SMS_COUNTRY,
                f"API_ACCESS['MFA'] names the country {country!r}, which has no numbers.",
                hint,
            )


def check_spending() -> Iterator[CheckMessage]:
    if sound("MFA") and option("SMS_GATEWAY") is not None and option("SMS_COUNTRIES") is None:
        yield warning(
            CheckId.SMS_EVERYWHERE,
            "Text messages go to every country, also where each costs much and somebody earns by it.",
            "List the countries where your people are, as API_ACCESS = {'MFA': {'SMS_COUNTRIES': ['NL', 'BE']}}.",
        )


CHECKS: Final[tuple[Check, ...]] = (check_gateway, check_countries)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_spending,)
