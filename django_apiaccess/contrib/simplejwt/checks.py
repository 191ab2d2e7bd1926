"""Checks for projects that come from simplejwt: what is insecure in `SIMPLE_JWT`, what is not carried over, and `LEGACY_JWT` itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from ...check_ids import Check, CheckId, error, sound, warning
from ...conf import access_settings
from .mapping import read_simple_jwt


def check_legacy_jwt() -> Iterator[CheckMessage]:
    if not sound("LEGACY_JWT") or not access_settings.LEGACY_JWT:
        return
    from .legacy import legacy_tokens  # with cryptography: not in a project that checks keys only

    try:
        alive = legacy_tokens() is not None
    except ImproperlyConfigured as problem:
        yield error(
            CheckId.BAD_LEGACY_JWT,
            str(problem),
            "Mend the entry that the message names, or take LEGACY_JWT out: no token of simplejwt is accepted then.",
        )
        return
    if not alive:
        yield warning(
            CheckId.LEGACY_JWT_OVER,
            "API_ACCESS['LEGACY_JWT']: ACCEPT_UNTIL has passed, so no token of simplejwt is accepted any more.",
            "Take LEGACY_JWT out of API_ACCESS, and throw the old key away.",
        )


def check_simple_jwt() -> Iterator[CheckMessage]:
    found = read_simple_jwt()
    for line in found.insecure:
        yield warning(CheckId.INSECURE_SIMPLE_JWT, f"SIMPLE_JWT[{line.name!r}]: {line.text}", line.hint)
    for line in found.not_carried:
        yield warning(CheckId.SIMPLE_JWT_NOT_CARRIED, f"SIMPLE_JWT[{line.name!r}]: {line.text}", line.hint)


CHECKS: Final[tuple[Check, ...]] = (check_legacy_jwt, check_simple_jwt)
