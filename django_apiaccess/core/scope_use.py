"""Which scopes of a credential a yes rested on: what it would have to keep so that the same request is let in again.

Where a decision could have been had in several ways, one way that was open is noted. What cannot be told, as with a requirement of a
project's own, counts as resting on everything: who narrows a credential to what it used must never take away too much.
"""

from __future__ import annotations

from collections.abc import Iterable

from .access import Access
from .decision import Decision
from .requirement import (
    And,
    Authenticated,
    HasMFA,
    HasPermission,
    HasRole,
    HasScope,
    Or,
    Public,
    Requirement,
    verdict_on,
)

NOTHING: frozenset[str] = frozenset()


def note(requirement: Requirement, access: Access) -> None:
    """Tell whoever records it that `access` was let in by `requirement`. Nothing happens for credentials that nobody records."""
    if access.uses is not None:
        for name in rests_on(requirement, access):
            access.uses(name)


def rests_on(requirement: Requirement, access: Access) -> Iterable[str]:
    """The scopes of `access` that the yes to `requirement` needs: with these alone the answer is yes again."""
    if type(requirement) is HasScope:
        return (requirement.name,)
    if not verdict_on(requirement, access).allowed:
        access = access.somewhere()
    return _needed(requirement, access, anchor=True, right=False)


def _needed(  # noqa: PLR0911 - a line for each kind
    requirement: Requirement, access: Access, *, anchor: bool, right: bool
) -> frozenset[str]:
    """`anchor`: the answer must stay anchored; `right`: by a right, not by a part that asks for none."""
    match requirement:
        case HasScope():
            return frozenset({requirement.name})
        case Public() | Authenticated() | HasMFA():
            return NOTHING
        case HasPermission():
            return access.rights.scopes_opening(requirement.name) if access.rights is not None else access.scopes
        case HasRole():
            if not anchor or access.rights is None:
                return NOTHING
            return access.rights.scopes_covering(requirement.name, access.scopes)
        case And():
            return _of_all(requirement, access, anchor=anchor)
        case Or():
            part = _way_in(requirement, access, anchor=anchor, right=right)
            return NOTHING if part is None else _needed(part, access, anchor=anchor, right=right)
    return access.scopes | access.object_scopes


def _of_all(requirement: And, access: Access, *, anchor: bool) -> frozenset[str]:
    parts = [(part, verdict_on(part, access)) for part in requirement.parts]
    holding = (
        next((part for part, verdict in parts if verdict.anchored and not verdict.neutral), None) if anchor else None
    )
    return NOTHING.union(
        *(_needed(part, access, anchor=part is holding, right=part is holding) for part, _verdict in parts)
    )


def _way_in(requirement: Or, access: Access, *, anchor: bool, right: bool) -> Requirement | None:
    def fits(verdict: Decision) -> bool:
        return verdict.allowed and (verdict.anchored or not anchor) and not (right and verdict.neutral)

    return next((part for part in requirement.parts if fits(verdict_on(part, access))), None)
