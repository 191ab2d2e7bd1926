"""django-otp's own devices become ours: seeds sealed, static tokens digested. Everybody's app and codes go on working."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.db import transaction

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from . import recovery
from .models import TOTPFactor

KEPT: Final = ("name", "confirmed", "step", "t0", "digits", "tolerance", "drift", "last_t", "last_used_at")


def upgrade(*, by: Actor, dry_run: bool = False) -> dict[str, int]:
    """Move every TOTP device and static token. One transaction a device: it can be stopped and run again. How many of each."""
    counts = {"totp devices": 0, "static tokens": 0}
    for model, name, move in (("TOTPDevice", "totp devices", _totp), ("StaticDevice", "static tokens", _static)):
        app = "otp_totp" if model == "TOTPDevice" else "otp_static"
        if not apps.is_installed(f"django_otp.plugins.{app}"):
            continue
        devices: Any = apps.get_model(app, model)._default_manager
        for pk in devices.order_by("pk").values_list("pk", flat=True).iterator():
            with transaction.atomic():
                device = devices.select_for_update().select_related("user").filter(pk=pk).first()
                if device is not None:
                    counts[name] += move(device, by, dry_run)
    return counts


def _totp(device: Any, by: Actor, dry_run: bool) -> int:
    if dry_run:
        return 1
    made = TOTPFactor(user=device.user, **{name: getattr(device, name) for name in KEPT})
    if device.created_at is not None:
        made.created_at = device.created_at
    made.seal(device.bin_key)
    made.save()
    device.delete()
    changed(Action.FACTORS_UPGRADED, device.user, by=by, factor=made.uid, method="totp")
    return 1


def _static(device: Any, by: Actor, dry_run: bool) -> int:
    tokens = list(device.token_set.values_list("token", flat=True)) if device.confirmed else []
    if dry_run:
        return len(tokens)
    for token in tokens:
        recovery.adopt(device.user, token)
    device.delete()
    if tokens:
        changed(Action.FACTORS_UPGRADED, device.user, by=by, method="recovery", count=len(tokens))
    return len(tokens)
