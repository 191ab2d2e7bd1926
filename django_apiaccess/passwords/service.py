"""Checking a password: limited by account and by network, one hash whatever the account, and one answer.

Unknown, wrong, inactive and service account cost the same and answer the same; a bucket that is closed answers 429 before any hash, named
by what was typed, so it tells nothing either.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import authenticate, get_user_model

from ..authn.client import where_of
from ..authn.failures import account_bucket, charge, forget, network_bucket, network_of, refund
from ..core.reasons import Reason
from ..events.record import refused
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidCredential, TooManyFailures

PURPOSE: Final = "password"
MAX_LENGTH: Final = 4096
"""Longer passwords are refused unseen: hashing them is work for nothing (NIST asks for at least 64 characters)."""


def check_password(request: Any, username: str, password: str, *, known: bool = False) -> Any:
    """The active user whose password this is.

    `known` says that the account's owner was logged in from this network before: failures elsewhere then do not shut them out.

    `request` is the Django request (other back-ends, django-axes among them, want it). Raises `TooManyFailures` with the seconds to wait,
    or `InvalidCredential`; the true cause goes into the event.
    """
    where = where_of(request)
    account = account_bucket(PURPOSE, username, known_from=network_of(where.address) if known else None)
    network = network_bucket(PURPOSE, where.address)
    by = Actor("anonymous", "", where=where)
    wait = charge(account, network)
    if wait:
        refused(Action.LOGIN_REFUSED, Reason.TOO_MANY_FAILURES, by=by, outcome="failed", account=username[:150])
        raise TooManyFailures(wait)
    user = None
    if len(password) <= MAX_LENGTH and "\0" not in username + password:
        user = authenticate(request=request, **{get_user_model().USERNAME_FIELD: username}, password=password)
    if user is None:
        locked = bool(getattr(request, "axes_locked_out", False))
        reason = Reason.TOO_MANY_FAILURES if locked else Reason.WRONG_SECRET
        refused(Action.LOGIN_REFUSED, reason, by=by, outcome="failed", account=username[:150])
        if locked:
            raise TooManyFailures(60.0)
        raise InvalidCredential(reason, kind="password")
    forget(account)
    refund(network)
    return user
