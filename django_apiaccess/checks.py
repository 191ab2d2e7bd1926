"""System checks, registered when the app is ready. One line a feature."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Tags, register
from django.db import OperationalError, ProgrammingError, router, transaction

from .access import checks as access
from .authn import checks as authn
from .check_ids import TAGS, Check, CheckId, warning
from .contrib.dot import checks as dot
from .contrib.oauth import checks as oauth
from .contrib.simplejwt import checks as simplejwt
from .keys import checks as keys
from .keys.approvals import checks as approvals
from .leaks import checks as leaks
from .mfa import checks as mfa
from .mfa import checks_of_rows as mfa_rows
from .pages import checks as pages
from .roles import checks as roles
from .sms import checks as sms
from .tokens import checks as tokens

CHECKS: tuple[Check, ...] = (
    *authn.CHECKS,
    *keys.CHECKS,
    *approvals.CHECKS,
    *roles.CHECKS,
    *access.CHECKS,
    *tokens.CHECKS,
    *sms.CHECKS,
    *mfa.CHECKS,
    *pages.CHECKS,
    *simplejwt.CHECKS,
    *oauth.CHECKS,
    *dot.CHECKS,
    *leaks.CHECKS,
)
DEPLOY_CHECKS: tuple[Check, ...] = (
    *authn.DEPLOY_CHECKS,
    *keys.DEPLOY_CHECKS,
    *tokens.DEPLOY_CHECKS,
    *sms.DEPLOY_CHECKS,
    *mfa.DEPLOY_CHECKS,
    *oauth.DEPLOY_CHECKS,
)
"""Asked by `check --deploy` only."""
DATABASE_CHECKS: tuple[Check, ...] = (*mfa_rows.CHECKS, *approvals.DATABASE_CHECKS)
"""Asked by `check --deploy --database default` only: they read rows."""


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


def of_rows(check: Check) -> Any:
    """`check` for Django, asked where the database of the users is asked; before its tables are there it has nothing to say."""
    contained_check = contained(_when_migrated(check))

    def run(databases: Iterable[str] | None = None, **_kwargs: Any) -> Iterable[CheckMessage]:
        asked = router.db_for_read(get_user_model()) in (databases or ())
        return contained_check() if asked else []

    run.__name__ = run.__qualname__ = check.__name__
    return run


def _when_migrated(check: Check) -> Check:
    @wraps(check)
    def found() -> Iterable[CheckMessage]:
        try:
            with transaction.atomic(using=router.db_for_read(get_user_model())):
                return list(check())
        except (OperationalError, ProgrammingError):
            return []

    return found


for _check in CHECKS:
    register(contained(_check), *TAGS)
for _check in DEPLOY_CHECKS:
    register(contained(_check), *TAGS, deploy=True)
for _check in DATABASE_CHECKS:
    register(of_rows(_check), Tags.database, *TAGS, deploy=True)
