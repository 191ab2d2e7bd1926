"""Who may change the factors of an account: its owner, with all their rights, who has just proven who they are (ASVS 7.5.1)."""

from __future__ import annotations

from typing import Any

from ..conf import access_settings
from ..core.access import Access
from ..core.assurance import MULTI_FACTOR
from ..core.decision import Decision, denied, granted
from ..core.reasons import Reason
from ..core.requirement import HasMFA, verdict_on
from ..mfa import policy
from ..roles.rights import held_by
from ..tokens.service import FIRST_PARTY

ENROLMENT = "enrolment"
"""The kind of credential that a log-in is which leads to enrolment only."""


def asked_of(user: Any) -> HasMFA:
    """What must have been proven, and how recently: a second factor by whoever has one."""
    acr = MULTI_FACTOR if policy.has_second_factor(user) else "aal1"
    return HasMFA(max_age=int(access_settings.MFA["MAX_AGE"].total_seconds()), acr=acr)


def may_change_factors(access: Access) -> tuple[HasMFA, Decision]:
    """The requirement and the verdict. A credential that was made for less than its owner may do never changes them."""
    user = access.principal
    asked = asked_of(user)
    if access.credential.kind == ENROLMENT:
        done = policy.has_second_factor(user)
        return asked, denied(str(asked), Reason.MFA_MISSING, "there is a factor by now") if done else granted(
            str(asked), anchored=True
        )
    if not access.can_step_up:
        return asked, denied(str(asked), Reason.MFA_IMPOSSIBLE, "no person is behind this credential")
    if access.scoped:
        held = held_by(user)
        missing = tuple(sorted((held.scopes | held.object_scopes) - access.scopes - access.object_scopes))
        if missing or access.client_id != FIRST_PARTY:
            detail = "made for less than all that its owner may do"
            return asked, denied(str(asked), Reason.SCOPE_MISSING, detail, scopes=missing, missing=missing)
    return asked, verdict_on(asked, access)
