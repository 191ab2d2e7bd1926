"""Devices that are not asked for a second factor at log-in for a while (`MFA["TRUST_LIFETIME"]`), by a cookie that only they have.

Trust skips that one question and proves nothing: the session begins with a password alone, and step-up, the admin and changes of factors
ask all the same.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from ..authn.marks import password_unchanged
from ..conf import access_settings
from ..core import digests, secrets
from ..events.record import changed
from ..events.source import Actor, Where
from ..events.tags import Action
from . import service
from .models import TrustedDevice

PREFIX: Final = "td"
COOKIE: Final = "__Host-apiaccess_device"
RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})


class _Marked:
    """What a device's mark is made of, in the form of what has a password: the password's hash and the factors of the moment."""

    def __init__(self, user: Any) -> None:
        factors = sorted(factor.id for factor in service.choices(user) if factor.type != "recovery")
        self.password = "|".join((str(user.password), *factors))


def trust(user: Any, *, where: Where, name: str) -> str | None:
    """Trust the device that the user has just proved to be at. Returns the cookie's value; None where the project trusts none."""
    lifetime = access_settings.MFA["TRUST_LIFETIME"]
    if not lifetime:
        return None
    made = secrets.make_key(PREFIX)
    now = timezone.now()
    with transaction.atomic():
        device = TrustedDevice.objects.create(
            public_id=made.id,
            digest=digests.make(made.text, access_settings.PEPPERS),
            user=user,
            mark=digests.make(_Marked(user).password, access_settings.PEPPERS),
            name="".join(filter(str.isprintable, name))[:150],
            created_from=where.address,
            expires_at=now + lifetime,
        )
        changed(Action.DEVICE_TRUSTED, device, by=Actor.of_user(user, where=where))
    return made.text


def is_trusted(user: Any, text: str) -> bool:
    """Whether the cookie is of a device that this user trusts: not expired, not ended, password and factors as they were then."""
    key = secrets.split(text, PREFIX) if len(text) <= secrets.MAX_LENGTH else None
    if key is None or not access_settings.MFA["TRUST_LIFETIME"]:
        return False
    now = timezone.now()
    living = TrustedDevice.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    device = living.filter(public_id=key.id).first()
    if device is None or digests.verify(key.text, device.digest, access_settings.PEPPERS) not in RIGHT:
        return False
    if not password_unchanged(device.mark, _Marked(user).password):
        return False
    return bool(living.filter(pk=device.pk).update(last_used_at=now))


def devices_of(user: Any) -> Any:
    """The devices that the user trusts now, the newest first."""
    return TrustedDevice.objects.filter(user=user, revoked_at=None, expires_at__gt=timezone.now()).order_by(
        "-created_at", "-pk"
    )


def end_trust(devices: Any, *, by: Actor, reason: str) -> int:
    """Trust these devices no more. Returns how many were trusted until now."""
    ended = 0
    for device in devices:
        with transaction.atomic():
            if TrustedDevice.objects.filter(pk=device.pk, revoked_at=None).update(revoked_at=timezone.now()):
                changed(Action.DEVICE_TRUST_ENDED, device, by=by, reason=reason)
                ended += 1
    return ended


def put(response: Any, text: str) -> None:
    """Set the cookie on an answer: for this host alone, out of reach of scripts and of other sites."""
    age = int(access_settings.MFA["TRUST_LIFETIME"].total_seconds())
    response.set_cookie(COOKIE, text, max_age=age, path="/", secure=True, httponly=True, samesite="Lax")


def taken_from(request: Any) -> str:
    """The cookie of a Django request, or nothing."""
    return str(request.COOKIES.get(COOKIE) or "")
