"""Whose browser it is that asks for a page, and how far their log-in has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import LazyObject

from ..core.access import Access
from ..login.freshness import ENROLMENT
from ..login.service import ENROLMENT_LIFETIME
from ..mfa import policy
from ..passwords.sessions import STAMP, is_pending, proof_of
from ..roles.rights import access_of_user


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user of a browser session.

    `pending`: the password was given and more is due. `enrols`: what is due is a first factor.
    """

    user: Any
    access: Access
    pending: bool
    enrols: bool


def visitor_of(request: HttpRequest) -> Visitor | None:
    """The visitor; None for nobody."""
    pending = is_pending(request.session)
    user = pending_user(request) if pending else _plain(request.user)
    if user is None or not user.is_authenticated:
        return None
    enrols = pending and not policy.has_second_factor(user)
    kind = ENROLMENT if enrols else "session"
    access = access_of_user(user, kind=kind, can_step_up=True, **proof_of(request.session))
    return Visitor(user, access, pending, enrols)


def pending_user(request: HttpRequest) -> Any:
    """The user whose password was given in a session that waits for more; None when there is none, or they may not log in any more."""
    if not is_pending(getattr(request, "session", None)):
        return None
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def is_over(request: HttpRequest) -> bool:
    """Whether the password of a pending session was given too long ago to go on from."""
    begun = request.session[STAMP].get("auth_time", 0)
    return bool(timezone.now().timestamp() - begun > ENROLMENT_LIFETIME.total_seconds())


def _plain(user: Any) -> Any:
    """The user behind the objects that load it when it is asked for: one of each middleware."""
    while isinstance(user, LazyObject):
        str(user)
        user = user._wrapped  # noqa: SLF001 - Django's lazy object
    return user
