"""Checks of the second factors that ask the database: `check --deploy --database default`. Each is one statement or two."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage

from ..check_ids import Check, CheckId, sound, warning
from ..conf import access_settings
from ..roles.models import Role
from . import overview

NAMED: Final = 3
"""People whom a message names."""


def check_staff() -> Iterator[CheckMessage]:
    without = overview.people().filter(overview.staff()).exclude(overview.with_factor())
    number = without.count()
    if number:
        column = get_user_model().USERNAME_FIELD
        named = [str(name) for name in without.order_by("pk").values_list(column, flat=True)[:NAMED]]
        more = f" and {number - NAMED} more" if number > NAMED else ""
        yield warning(
            CheckId.STAFF_WITHOUT_FACTOR,
            f"Staff or superusers without a second factor: {', '.join(named)}{more}. A password is all that stands before the admin.",
            "Write API_ACCESS = {'MFA': {'REQUIRED_FOR': ['staff'], 'GRACE': '14d'}}, and see list_mfa --without --staff.",
        )


def check_roles() -> Iterator[CheckMessage]:
    required = access_settings.MFA["REQUIRED_FOR"] if sound("MFA") else ()
    if callable(required) or isinstance(required, str):
        return
    wanted = [item.removeprefix("role:") for item in required if item.startswith("role:")]
    known = set(Role.objects.values_list("name", flat=True)) if wanted else set()
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield warning(
                CheckId.UNKNOWN_REQUIRED_ROLE,
                f"API_ACCESS['MFA']['REQUIRED_FOR'] names 'role:{name}', and there is no such role: nobody is asked because of it.",
                f"Did you mean 'role:{near[0]}'?" if near else "Correct the name, or make the role.",
            )


def check_upgraded() -> Iterator[CheckMessage]:
    left = []
    for app, name, words in (("otp_totp", "TOTPDevice", "seeds"), ("otp_static", "StaticToken", "static tokens")):
        if apps.is_installed(f"django_otp.plugins.{app}"):
            model: Any = apps.get_model(app, name)
            left += [words] if model._default_manager.exists() else []
    if left:
        yield warning(
            CheckId.PLAIN_SEEDS,
            f"The database holds {' and '.join(left)} of django-otp as they are: who has a copy of it has these factors (ASVS 13.3.1).",
            "Run upgrade_otp_devices: everybody's app and codes go on working.",
        )


CHECKS: Final[tuple[Check, ...]] = (check_staff, check_roles, check_upgraded)
