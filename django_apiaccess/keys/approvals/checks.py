"""Checks of the four-eyes policy: that it can be asked, matches something, and that somebody can approve."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ...check_ids import Check, CheckId, error, sound, warning
from ...conf import access_settings
from ...core import scopes as core_scopes
from ...roles import names
from ...roles.models import Role
from . import policy
from .deciders import PERMISSION, holders


def check_function() -> Iterator[CheckMessage]:
    function = access_settings.APPROVALS["FUNCTION"] if sound("APPROVALS") else None
    if not isinstance(function, str):
        return
    problem = ""
    try:
        found: Any = import_string(function)
        if not callable(found):
            problem = "is no function"
    except ImportError as failure:
        problem = f"cannot be imported: {failure}"
    if problem:
        yield error(
            CheckId.BAD_APPROVAL_FUNCTION,
            f"API_ACCESS['APPROVALS']['FUNCTION'] names {function!r}, which {problem}: every key would be refused with an error.",
            "Name a function of a principal and a set of scopes that says whether another person must approve.",
        )


def check_patterns() -> Iterator[CheckMessage]:
    if not sound("APPROVALS"):
        return
    declared = core_scopes.registry.names()
    for pattern in access_settings.APPROVALS["SCOPES"]:
        if not any(fnmatchcase(name, pattern) for name in declared):
            yield warning(
                CheckId.UNMATCHED_APPROVAL,
                f"API_ACCESS['APPROVALS']['SCOPES'] holds {pattern!r}, which matches no declared scope: nobody is asked because of it.",
                f"Correct it, or declare the scope.{names.nearest(pattern, declared)}",
            )


def check_roles() -> Iterator[CheckMessage]:
    patterns = access_settings.APPROVALS["ROLES"] if sound("APPROVALS") else ()
    known = list(Role.objects.values_list("name", flat=True)) if patterns else []
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            yield warning(
                CheckId.UNMATCHED_APPROVAL,
                f"API_ACCESS['APPROVALS']['ROLES'] holds {pattern!r}, and there is no such role: nobody is asked because of it.",
                f"Correct it, or make the role.{names.nearest(pattern, known)}",
            )


def check_approvers() -> Iterator[CheckMessage]:
    if not sound("APPROVALS") or not policy.active():
        return
    number = len(holders(most=2))
    if number < 2:
        who = "Nobody" if not number else "One person alone"
        yield warning(
            CheckId.TOO_FEW_APPROVERS,
            f"{who} may approve requests for keys: {'every request' if not number else 'a request of theirs'} expires.",
            f"Give two people or more the permission {PERMISSION}, and what they are to approve.",
        )


CHECKS: Final[tuple[Check, ...]] = (check_function, check_patterns)
DATABASE_CHECKS: Final[tuple[Check, ...]] = (check_roles, check_approvers)
