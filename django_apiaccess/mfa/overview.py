"""Who has which factors, for administrators: of many people in a few statements, and never a seed, a code or a whole number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count, Exists, OuterRef, Q
from django_otp import device_classes

from ..sms import mask
from . import totp, webauthn
from .models import RecoveryCode, SMSFactor

RECOVERY: Final = "recovery"
OTHER: Final = "other"
TYPES: Final = ("totp", "webauthn", "sms", OTHER)
"""What counts as a second factor. `other`: a device of another django-otp plugin, which only that plugin can ask for."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A factor of somebody, as an administrator sees it. One that is not `confirmed` is asked for nowhere."""

    type: str
    name: str
    hint: str
    confirmed: bool
    created_at: datetime | None
    last_used_at: datetime | None


@dataclass(slots=True)
class Owner:
    """What one person has."""

    factors: tuple[Owned, ...] = ()
    recovery_codes: int = 0

    @property
    def types(self) -> list[str]:
        """The types of the confirmed factors, each once."""
        return list(dict.fromkeys(factor.type for factor in self.factors if factor.confirmed))

    @property
    def last_used_at(self) -> datetime | None:
        """When a factor was used last; None also where the plugin does not keep it."""
        return max((factor.last_used_at for factor in self.factors if factor.last_used_at is not None), default=None)


def owners(user_ids: Iterable[Any]) -> dict[Any, Owner]:
    """By primary key, what each of these users has: one statement a kind of device, whatever their number."""
    ids = list(user_ids)
    found: dict[Any, Owner] = {pk: Owner() for pk in ids}
    factors: dict[Any, list[Owned]] = defaultdict(list)
    for model in _models():
        kind = type_of(model)
        devices = model._default_manager.filter(user__in=ids)
        if kind == RECOVERY:
            for user_id, number in (
                devices.filter(confirmed=True).order_by().values_list("user").annotate(Count("token_set"))
            ):
                found[user_id].recovery_codes += number
            continue
        for device in devices.order_by("pk"):
            factors[device.user_id].append(_owned(kind, device))
    codes = RecoveryCode.objects.filter(user__in=ids, used_at=None).order_by()
    for user_id, count in codes.values_list("user").annotate(Count("pk")):
        found[user_id].recovery_codes += count
    for user_id, of_one in factors.items():
        found[user_id].factors = tuple(sorted(of_one, key=lambda factor: TYPES.index(factor.type)))
    return found


def with_type(kind: str, principal: str = "pk") -> Any:
    """The condition that the user whose id is in the column `principal` has a confirmed factor of that type."""
    models = [model for model in _models() if type_of(model) == kind]
    return _any([Exists(model._default_manager.filter(user=OuterRef(principal), confirmed=True)) for model in models])


def with_suspended(principal: str = "pk") -> Any:
    """The condition that a passkey of the user is suspended: two devices seemed to hold its key."""
    models = [model for model in _models() if type_of(model) == webauthn.WebAuthnMethod.type]
    return _any([Exists(model._default_manager.filter(user=OuterRef(principal), confirmed=False)) for model in models])


def with_factor(principal: str = "pk") -> Any:
    """The condition that the user has a second factor. Recovery codes alone are none."""
    return _any([with_type(kind, principal) for kind in TYPES])


def staff() -> Q:
    """The condition that a user is staff or superuser, by those of the two fields that the user model has."""
    fields = [name for name in ("is_staff", "is_superuser") if _has_field(name)]
    return reduce(or_, (Q(**{name: True}) for name in fields)) if fields else Q(pk__in=[])


def people() -> Any:
    """Everybody who can log in: active, and no service account."""
    active = {"is_active": True} if _has_field("is_active") else {}
    return get_user_model()._default_manager.filter(service_account=None, **active)


def type_of(model: type[Any]) -> str:
    """The type of factor that a device model holds."""
    if model in totp.models():
        return "totp"
    if model is SMSFactor:
        return "sms"
    if apps.is_installed(webauthn.APP) and model is webauthn.credentials().model:
        return "webauthn"
    return RECOVERY if model._meta.label == "otp_static.StaticDevice" else OTHER


def _models() -> list[Any]:
    return list(device_classes())


def _any(conditions: list[Any]) -> Any:
    return reduce(or_, (Q(condition) for condition in conditions)) if conditions else Q(pk__in=[])


def _has_field(name: str) -> bool:
    try:
        return bool(get_user_model()._meta.get_field(name))
    except FieldDoesNotExist:
        return False


def _owned(kind: str, device: Any) -> Owned:
    hint = ""
    if kind == "sms":
        hint = mask(device.number)
    elif kind == "webauthn":
        hint = webauthn.ref(device).hint
    elif kind == OTHER:
        hint = str(device._meta.verbose_name)
    times = (getattr(device, name, None) for name in ("created_at", "last_used_at"))
    return Owned(kind, str(device.name or ""), hint, bool(device.confirmed), *times)
