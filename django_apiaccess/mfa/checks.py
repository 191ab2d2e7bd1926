"""Checks of the second factors: that there is a method, that the policy names what exists, and that staff follow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import MFA_METHODS, access_settings
from ..core import scopes as core_scopes
from . import webauthn
from .methods import enabled_methods

LOCAL: Final = "localhost"
PASSKEYS_MISSING: Final = (
    "pip install 'django-apiaccess[webauthn]', and add 'django_otp_webauthn' to INSTALLED_APPS; "
    "or take 'webauthn' out of METHODS."
)


def check_methods() -> Iterator[CheckMessage]:
    if not sound("MFA"):
        return
    named = access_settings.MFA["METHODS"]
    if named is not None and "webauthn" in named and not apps.is_installed(webauthn.APP):
        yield error(
            CheckId.METHOD_UNAVAILABLE,
            "API_ACCESS['MFA']['METHODS'] names 'webauthn', but django_otp_webauthn is not in INSTALLED_APPS: nobody is offered a "
            "passkey.",
            PASSKEYS_MISSING,
        )
    if named is not None and "sms" in named and access_settings.MFA["SMS_GATEWAY"] is None:
        yield error(
            CheckId.METHOD_UNAVAILABLE,
            "API_ACCESS['MFA']['METHODS'] names 'sms', but there is no SMS_GATEWAY: nobody is offered a code by SMS.",
            "Set SMS_GATEWAY, or take 'sms' out of METHODS.",
        )


def check_usable() -> Iterator[CheckMessage]:
    if not sound("MFA"):
        return
    usable = primary_methods()
    if access_settings.MFA["REQUIRED_FOR"] and not usable:
        yield error(
            CheckId.NO_USABLE_METHOD,
            "API_ACCESS['MFA']['REQUIRED_FOR'] wants a second factor, and no method is there to add one: these people cannot log in.",
            f"Name methods that work here in METHODS, or leave it out for all of them: {', '.join(MFA_METHODS)}.",
        )
    if usable == ["sms"]:
        yield warning(
            CheckId.SMS_ALONE,
            "Codes by SMS are the only second factor that anybody can add. Whoever takes over a number has it (ASVS 6.6.1).",
            "Add 'totp' or 'webauthn' to API_ACCESS['MFA']['METHODS'], or leave METHODS out.",
        )


def primary_methods() -> list[str]:
    """The types that somebody can add first. Recovery codes stand in for another factor, so they are none."""
    return [method.type for method in enabled_methods() if method.type != "recovery"]


def check_required_for() -> Iterator[CheckMessage]:
    if not sound("MFA"):
        return
    required = access_settings.MFA["REQUIRED_FOR"]
    if isinstance(required, str):
        problem = _import_problem(required)
        if problem:
            yield error(
                CheckId.BAD_REQUIRED_FOR,
                f"API_ACCESS['MFA']['REQUIRED_FOR']: {problem}",
                "Write the dotted path of a function that takes a user and says whether they must have a second factor.",
            )
        return
    for item in () if callable(required) else required:
        word, _, name = item.partition(":")
        if word == "scope" and core_scopes.registry.get(name) is None:
            complaint = core_scopes.registry.complaint(name) or f"{name} is no single scope."
            yield error(
                CheckId.BAD_REQUIRED_FOR,
                f"API_ACCESS['MFA']['REQUIRED_FOR'] names {item!r}, which nobody ever holds. {complaint}",
                "Correct the name: otherwise those whom you mean log in with a password alone.",
            )


def _import_problem(path: str) -> str:
    try:
        found = import_string(path)
    except ImportError as problem:
        return str(problem)
    return "" if callable(found) else f"{path} is no function."


def passkeys_wanted() -> bool:
    """Whether passkeys are installed and not left out of METHODS."""
    named = access_settings.MFA["METHODS"]
    return apps.is_installed(webauthn.APP) and (named is None or "webauthn" in named)


def check_relying_party() -> Iterator[CheckMessage]:
    if not sound("MFA") or not passkeys_wanted():
        return
    if not _passkeys("RP_ID") and not _passkeys("RP_ID_CALLABLE"):
        yield error(
            CheckId.NO_RELYING_PARTY,
            "OTP_WEBAUTHN_RP_ID is not set: a passkey belongs to a domain, and without one nobody is offered a passkey.",
            "Set OTP_WEBAUTHN_RP_ID to the site's domain, as 'example.com'. All passkeys end when it changes.",
        )


def check_origins() -> Iterator[CheckMessage]:
    if not sound("MFA") or not passkeys_wanted() or access_settings.debug:
        return
    domain = _passkeys("RP_ID")
    for origin in _passkeys("ALLOWED_ORIGINS") or ():
        parts = urlsplit(str(origin))
        host = parts.hostname or ""
        if parts.scheme != "https" and host != LOCAL:
            yield warning(
                CheckId.BAD_ORIGIN,
                f"OTP_WEBAUTHN_ALLOWED_ORIGINS holds {origin!r}: browsers use passkeys over https only, localhost aside.",
                f"Write 'https://{host or 'example.com'}'.",
            )
        elif domain and host != domain and not host.endswith(f".{domain}"):
            yield warning(
                CheckId.BAD_ORIGIN,
                f"OTP_WEBAUTHN_ALLOWED_ORIGINS holds {origin!r}, which is not under OTP_WEBAUTHN_RP_ID {domain!r}: no browser uses its "
                "passkeys there.",
                "Correct one of the two, or take the origin out. Related origins are set in OTP_WEBAUTHN_RP_RELATED_ORIGINS.",
            )


def check_not_local() -> Iterator[CheckMessage]:
    if sound("MFA") and passkeys_wanted() and _passkeys("RP_ID") == LOCAL and not _passkeys("RP_ID_CALLABLE"):
        yield warning(
            CheckId.BAD_ORIGIN,
            "OTP_WEBAUTHN_RP_ID is 'localhost': passkeys work on the machine of the server only.",
            "Set it to the site's domain, as 'example.com'.",
        )


def check_other_views() -> Iterator[CheckMessage]:
    if not apps.is_installed(webauthn.APP) or not getattr(settings, "ROOT_URLCONF", None):
        return
    try:
        where = reverse("otp_webauthn:credential-authentication-complete")
    except NoReverseMatch:
        return
    alone = _passkeys("ALLOW_PASSWORDLESS_LOGIN")
    does = "logs people in by a passkey alone" if alone else "takes passkeys as second factors"
    yield warning(
        CheckId.OTHER_PASSKEY_VIEWS,
        f"{where} of django_otp_webauthn {does}, beside ours: without our limits, events and suspension of copied passkeys, and as a "
        "second factor without asking that the user be verified.",
        "Take its URLs out: token/passkey/, token/mfa/verify/ and the pages of this app do it.",
    )


def check_admin_of_otp() -> Iterator[CheckMessage]:
    from django_otp.conf import settings as otp_settings

    plugins = [name for name in ("otp_totp", "otp_static") if apps.is_installed(f"django_otp.plugins.{name}")]
    if plugins and apps.is_installed("django.contrib.admin") and not otp_settings.OTP_ADMIN_HIDE_SENSITIVE_DATA:
        yield warning(
            CheckId.SEEDS_IN_ADMIN,
            f"The admin pages of django_otp.plugins.{plugins[0]} show seeds and codes to whoever may see them: they can then prove to be "
            "somebody else.",
            "Set OTP_ADMIN_HIDE_SENSITIVE_DATA = True; run upgrade_otp_devices, and take the plugins out of INSTALLED_APPS.",
        )


def _passkeys(name: str) -> Any:
    from django_otp_webauthn.settings import app_settings

    return getattr(app_settings, f"OTP_WEBAUTHN_{name}")


CHECKS: Final[tuple[Check, ...]] = (
    check_methods,
    check_usable,
    check_required_for,
    check_relying_party,
    check_origins,
    check_other_views,
)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_not_local, check_admin_of_otp)
