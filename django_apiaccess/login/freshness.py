"""Who may change the factors of an account: its owner, with all their rights, who has just proven who they are (ASVS 7.5.1)."""

from __future__ import annotations

from typing import Any

from ..conf import access_settings
from ..core.access import Access
from ..core.assurance import MULTI_FACTOR, rank
from ..core.decision import Decision, denied, granted
from ..core.reasons import Reason
from ..core.requirement import AUTHENTICATED, HasMFA, verdict_on
from ..mfa import policy
from ..roles.rights import held_by
from ..tokens.service import FIRST_PARTY

ENROLMENT = "enrolment"
"""The kind of credential that a log-in is which leads to enrolment only."""


def asked_of(user: Any) -> HasMFA:
    """What must have been proven, and how recently: a second factor by whoever has one."""
    acr = MULTI_FACTOR if policy.has_second_factor(user) else "aal1"
    return HasMFA(max_age=int(access_settings.MFA["MAX_AGE"].total_seconds()), acr=acr)


def is_owners(access: Access) -> Decision:
    """Whether the owner of the account is behind it, in a session of ours, with all their rights.

    Keys, Basic and tokens of other issuers and clients are not for this, nor is a token that was made for less than its owner may do.
    """
    text = str(AUTHENTICATED)
    if access.credential.kind == ENROLMENT:
        return granted(text, anchored=True)
    if not is_own_session(access):
        return denied(text, Reason.MFA_IMPOSSIBLE, "no session of the person's own")
    if access.scoped:
        held = held_by(access.principal)
        missing = tuple(sorted((held.scopes | held.object_scopes) - access.scopes - access.object_scopes))
        if missing:
            detail = "made for less than all that its owner may do"
            return denied(text, Reason.SCOPE_MISSING, detail, scopes=missing, missing=missing)
    return granted(text, anchored=True)


def is_own_session(access: Access) -> bool:
    """Whether it is a session that began at our own log-in: a browser's, or that of our own tokens."""
    if not access.can_step_up:
        return False
    return access.credential.kind == "session" or (access.session_id is not None and access.client_id == FIRST_PARTY)


def may_change_factors(access: Access) -> tuple[HasMFA, Decision]:
    """The requirement and the verdict on an access that is its owner's."""
    asked = asked_of(access.principal)
    if access.credential.kind != ENROLMENT:
        return asked, verdict_on(asked, access)
    if policy.has_second_factor(access.principal):
        return asked, denied(str(asked), Reason.MFA_MISSING, "there is a factor by now")
    return asked, granted(str(asked), anchored=True)


def has_proven_a_factor(access: Access) -> bool:
    """Whether more than a password was proven: then a further factor may be added."""
    return rank(access.acr) >= rank(MULTI_FACTOR)
