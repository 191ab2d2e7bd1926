"""Checking a password: limited by account and by network, one hash whatever the account, and one answer.

Unknown, wrong, inactive and service account cost the same and answer the same; a bucket that is closed answers 429 before any hash, named
by what was typed, so it tells nothing either.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.utils.module_loading import import_string

from ..authn.client import where_of
from ..authn.failures import (
    account_bucket,
    charge,
    forget,
    is_known,
    network_bucket,
    network_of,
    refund,
    remember,
)
from ..core.reasons import Reason
from ..events.later import refused_later
from ..events.record import refused
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidCredential, TooManyFailures

PURPOSE: Final = "password"
MAX_LENGTH: Final = 4096
"""Longer passwords are refused unseen: hashing them is work for nothing (NIST asks for at least 64 characters)."""
AXES_WAIT: Final = 60.0
"""Seconds after which to try again where django-axes has locked somebody out: how long it does so, only its own settings say."""


def check_password(request: Any, username: str, password: str) -> Any:
    """The active user whose password this is.

    Failures from a network on which the account's owner proved to be before count apart: nobody elsewhere can lock the owner out.

    `request` is the Django request (other back-ends, django-axes among them, want it). Raises `TooManyFailures` with the seconds to wait,
    or `InvalidCredential`; the true cause goes into the event.
    """
    where = where_of(request)
    network = network_bucket(PURPOSE, where.address)
    here = account_bucket(PURPOSE, username, known_from=network_of(where.address))
    known = where.address is not None and is_known(here)
    account = here if known else account_bucket(PURPOSE, username)
    wait = charge(account, network)
    if wait:
        refused_later(Action.LOGIN_REFUSED, Reason.TOO_MANY_FAILURES, where=where, detail=f"for {username[:150]!r}")
        raise TooManyFailures(wait)
    user = _authenticate(request, username, password)
    if user is None:
        by = Actor("anonymous", "", where=where)
        locked = bool(getattr(request, "axes_locked_out", False))
        reason = Reason.TOO_MANY_FAILURES if locked else Reason.WRONG_SECRET
        refused(Action.LOGIN_REFUSED, reason, by=by, outcome="failed", account=username[:150])
        if locked:
            raise TooManyFailures(AXES_WAIT)
        raise InvalidCredential(reason, kind=PURPOSE)
    refund(network)
    if not known:
        forget(account)
    if where.address is not None:
        remember(here)
    return user


def _authenticate(request: Any, username: str, password: str) -> Any:
    """Django's `authenticate`, with what no database or hasher takes refused before: alike for every account."""
    if len(password) > MAX_LENGTH or "\0" in username + password:
        return None
    try:
        f"{username}{password}".encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return authenticate(request=request, **{get_user_model().USERNAME_FIELD: username}, password=password)


def is_djangos_password(backend: str) -> bool:
    """Whether the back-end at this dotted path checks the password that Django stores, and nothing else."""
    try:
        return getattr(import_string(backend), "authenticate", None) is ModelBackend.authenticate
    except ImportError:
        return False
