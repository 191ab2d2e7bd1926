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
    FirstParty,
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


def note(requirement: Requirement, access: Access, decision: Decision | None = None) -> None:
    """Tell whoever records it that `access` was let in by `requirement`. Nothing happens for credentials that nobody records.

    `decision` is the one that was made, where it is at hand.
    """
    if access.uses is not None:
        for name in rests_on(requirement, access, decision):
            access.uses(name)


def rests_on(requirement: Requirement, access: Access, decision: Decision | None = None) -> Iterable[str]:
    """The scopes of `access` that the yes to `requirement` needs: with these alone the answer is yes again."""
    if type(requirement) is HasScope:
        return (requirement.name,)
    if decision is None or not _shows_why(requirement, decision):
        decision = verdict_on(requirement, access)
    if not decision.allowed:
        access = access.somewhere()
        decision = verdict_on(requirement, access)
    return _needed(requirement, access, decision, anchor=True, right=False)


def _shows_why(requirement: Requirement, decision: Decision) -> bool:
    """Whether the parts of a yes say it too. Where it was given for single objects only they do not."""
    parts = decision.parts
    if not isinstance(requirement, And | Or) or len(parts) != len(requirement.parts):
        return False
    return all(part.allowed for part in parts) if isinstance(requirement, And) else any(part.allowed for part in parts)


def _needed(  # noqa: PLR0911 - a line for each kind
    requirement: Requirement, access: Access, verdict: Decision, *, anchor: bool, right: bool
) -> frozenset[str]:
    """`anchor`: the answer must stay anchored; `right`: by a right, not by a part that asks for none."""
    match requirement:
        case HasScope():
            return frozenset({requirement.name})
        case Public() | Authenticated() | FirstParty() | HasMFA():
            return NOTHING
        case HasPermission():
            return access.rights.scopes_opening(requirement.name) if access.rights is not None else access.scopes
        case HasRole():
            if not anchor or access.rights is None:
                return NOTHING
            return access.rights.scopes_covering(requirement.name, access.scopes)
        case And():
            return _of_all(requirement, access, verdict, anchor=anchor)
        case Or():
            for part, said in zip(requirement.parts, verdict.parts, strict=True):
                if said.allowed and (said.anchored or not anchor) and not (right and said.neutral):
                    return _needed(part, access, said, anchor=anchor, right=right)
            return NOTHING
    return access.scopes | access.object_scopes


def _of_all(requirement: And, access: Access, verdict: Decision, *, anchor: bool) -> frozenset[str]:
    said = verdict.parts
    holding = next((place for place, part in enumerate(said) if part.anchored and not part.neutral), None)
    if not anchor:
        holding = None
    return NOTHING.union(
        *(
            _needed(part, access, said[place], anchor=place == holding, right=place == holding)
            for place, part in enumerate(requirement.parts)
        )
    )
