"""Who must have a second factor, and from when (`MFA["REQUIRED_FOR"]`, `MFA["GRACE"]`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, Value
from django.utils import timezone
from django.utils.module_loading import import_string
from django_otp import device_classes

from ..conf import access_settings
from ..roles.rights import held_by
from . import webauthn
from .models import MFADuty


def has_second_factor(user: Any, *, but: Any = None) -> bool:
    """Whether the user has confirmed any device of django-otp, ours and passkeys among them: then a password alone does not do.

    `but` is a device that does not count.
    """
    models: Iterator[Any] = device_classes()
    return any(
        model._default_manager.filter(user=user, **_counting(model))
        .exclude(pk=but.pk if isinstance(but, model) else None)
        .exists()
        for model in models
    )


def any_factor(principal: str) -> Any:
    """The same as an expression of a query, for the user whose id its column `principal` holds."""
    models: Iterator[Any] = device_classes()
    found = [Q(Exists(model._default_manager.filter(user=OuterRef(principal), **_counting(model)))) for model in models]
    condition: Any = reduce(or_, found) if found else Value(False)
    return ExpressionWrapper(condition, output_field=BooleanField())


def _counting(model: Any) -> dict[str, bool]:
    """Which devices count: confirmed ones, and suspended passkeys. Else a cloned one would open the account to the password alone."""
    return {} if webauthn.is_passkey(model) else {"confirmed": True}


def is_required(user: Any) -> bool:
    """Whether the policy wants a second factor of this user, grace period or not. No query for `staff` and `superusers`."""
    required = access_settings.MFA["REQUIRED_FOR"]
    if callable(required) or isinstance(required, str):
        decide: Any = import_string(required) if isinstance(required, str) else required
        return bool(decide(user))
    return any(_is_among(user, group) for group in required)


def _is_among(user: Any, group: str) -> bool:
    if group == "everyone":
        return True
    if group in {"staff", "superusers"}:
        return bool(
            getattr(user, "is_staff" if group == "staff" else "is_superuser", False)
            or getattr(user, "is_superuser", False)
        )
    word, _, name = group.partition(":")
    held = held_by(user)
    return name in (held.roles | held.object_roles if word == "role" else held.scopes | held.object_scopes)


def enrol_by(user: Any) -> datetime | None:
    """Until when a user of whom the policy wants a second factor may go on without; None: nothing is wanted.

    Asked at a log-in: the first one under the policy starts the clock, and no later one sets it back.
    """
    if not is_required(user):
        return None
    duty, _ = MFADuty.objects.get_or_create(user=user)
    return ends(duty)


def leads_to_enrolment(user: Any, at: datetime) -> bool:
    """What `must_enrol` would answer at a moment. It starts no clock."""
    if not is_required(user):
        return False
    duty = MFADuty.objects.filter(user=user).first()
    return (access_settings.MFA["GRACE"] <= timedelta(0)) if duty is None else ends(duty) <= at


def ends(duty: MFADuty) -> datetime:
    """The end of the grace period."""
    until: datetime = duty.since + access_settings.MFA["GRACE"]
    return until


def must_enrol(user: Any) -> bool:
    """Whether a log-in of this user, who has no factor, leads to enrolment only."""
    by = enrol_by(user)
    return by is not None and by <= timezone.now()
