"""System checks, registered when the app is ready. One line a feature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, register

from .access import checks as access
from .authn import checks as authn
from .check_ids import TAGS, Check, CheckId, warning
from .contrib.dot import checks as dot
from .contrib.oauth import checks as oauth
from .contrib.simplejwt import checks as simplejwt
from .keys import checks as keys
from .roles import checks as roles
from .tokens import checks as tokens

CHECKS: tuple[Check, ...] = (
    *authn.CHECKS,
    *keys.CHECKS,
    *roles.CHECKS,
    *access.CHECKS,
    *tokens.CHECKS,
    *simplejwt.CHECKS,
    *oauth.CHECKS,
    *dot.CHECKS,
)
DEPLOY_CHECKS: tuple[Check, ...] = (*authn.DEPLOY_CHECKS, *keys.DEPLOY_CHECKS, *tokens.DEPLOY_CHECKS)
"""Asked by `check --deploy` only."""


def contained(check: Check) -> Any:
    """`check` in the form that Django calls; a check that fails itself is a message, never a traceback that hides the others."""

    def run(**_kwargs: Any) -> Iterable[CheckMessage]:
        try:
            return list(check())
        except Exception as problem:  # noqa: BLE001 - it met code of the project, which may do anything
            return [
                warning(
                    CheckId.CHECK_FAILED,
                    f"The check {check.__module__}.{check.__name__} could not be made: {problem!r}",
                    "Mend what the message names, and run the checks again.",
                )
            ]

    run.__name__ = run.__qualname__ = check.__name__
    return run


for _check in CHECKS:
    register(contained(_check), *TAGS)
for _check in DEPLOY_CHECKS:
    register(contained(_check), *TAGS, deploy=True)
