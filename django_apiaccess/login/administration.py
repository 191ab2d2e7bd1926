"""Resetting the second factors of somebody who lost them, or whose factors somebody else has (ASVS 6.4.4, 6.5.6, 7.4.5).

What is left is the account with its password. Where the policy wants a second factor, the next log-in leads to enrolment only; the grace
of before is not given again. So a reset is for somebody who has proven who they are in another way, and it is told to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from .. import notifications
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange
from ..mfa import enrolment, overview, trusted
from ..mfa.models import MFAChallenge, TrustedDevice
from ..passwords.ending import end_django_sessions
from ..tokens import ending
from ..tokens.models import TokenSession

MAX_REASON: Final = 255


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset took away. `django_sessions` is None where they cannot be found: see `end_django_sessions`."""

    factors: tuple[str, ...]
    recovery_codes: int
    trusted_devices: int
    sessions: int
    django_sessions: int | None


def reset(user: Any, *, by: Actor, reason: str) -> Reset:
    """Take away every factor, recovery code and trusted device of the user, and end what was proven with them: all sessions.

    API keys go on. Raises `InvalidChange` without a reason, and when `by` may not (see `why_not`); nothing is changed then.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidChange("Say why: a reset needs a reason.", field="reason")
    problem = why_not(user, by)
    if problem:
        raise InvalidChange(problem, field="user")
    with transaction.atomic():
        enrolment.lock_user(user)
        owner = overview.owners([user.pk])[user.pk]
        enrolment.remove_all(user)
        MFAChallenge.objects.filter(user=user, used_at=None).update(used_at=timezone.now())
        done = Reset(
            tuple(factor.type for factor in owner.factors),
            owner.recovery_codes,
            trusted.end_trust(TrustedDevice.objects.filter(user=user, revoked_at=None), by=by, reason=reason),
            ending.end(TokenSession.objects.filter(user=user), reason=reason[:MAX_REASON], by=by),
            end_django_sessions(user),
        )
        changed(
            Action.MFA_RESET,
            user,
            by=by,
            reason=reason,
            factors=list(done.factors),
            recovery_codes=done.recovery_codes,
            trusted_devices=done.trusted_devices,
            sessions=done.sessions,
            django_sessions=done.django_sessions,
        )
        notifications.notify(user, "mfa_reset", {"reason": reason, "address": by.where.address})
    return done


def why_not(user: Any, by: Actor) -> str:
    """Why `by` may not reset this user's factors; empty when they may. An operator at the shell may.

    Not one's own: that would be a way around proving them. A superuser's only as a superuser: whoever resets factors is halfway in.
    """
    if getattr(user, "service_account", None) is not None:
        return "A service account has no second factors: nobody logs in as it."
    if not by.bounded:
        return ""
    if by.id == str(user.pk):
        return "Nobody resets their own factors here: remove them where you log in, or ask another administrator."
    if getattr(user, "is_superuser", False) and not getattr(by.user, "is_superuser", False):
        return "Only a superuser may reset the factors of a superuser."
    return ""
