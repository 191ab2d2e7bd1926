"""Whether somebody has a second factor of django-otp: then a password alone does not do."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, Value


def has_second_factor(user: Any) -> bool:
    """Whether the user has confirmed any device of django-otp."""
    if not apps.is_installed("django_otp"):
        return False
    from django_otp import user_has_device

    return bool(user_has_device(user, confirmed=True))


def any_factor(principal: str) -> Any:
    """The same as an expression of a query, for the user whose id its column `principal` holds."""
    models: Iterable[Any] = ()
    if apps.is_installed("django_otp"):
        from django_otp import device_classes

        models = device_classes()
    found = [Q(Exists(model._default_manager.filter(user=OuterRef(principal), confirmed=True))) for model in models]
    condition: Any = reduce(or_, found) if found else Value(False)
    return ExpressionWrapper(condition, output_field=BooleanField())
