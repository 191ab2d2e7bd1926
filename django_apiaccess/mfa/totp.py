"""Codes of an authenticator app (RFC 6238): each time step counts once, whoever asks and however many ask at once.

The seeds of django-otp's own devices work too; `upgrade_otp_devices` seals them.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from typing import Any, Final

from django.apps import apps
from django.utils import timezone
from django_otp.oath import hotp

from .methods import FactorRef, Proven, Response
from .models import MFAChallenge, TOTPFactor

CODE: Final = re.compile(r"[0-9]{6}|[0-9]{8}", re.ASCII)
MAX_TOLERANCE: Final = 1
"""Steps. RFC 6238 section 5.2 and ASVS 6.5.5: one step for the way of the code and for a clock that is a little off."""
MAX_DRIFT: Final = 10
"""Steps of a phone's clock that are learnt: without a bound, one could walk the window into the past or the future."""
AMR: Final = ("otp",)
ACR: Final = "aal2"
logger: Final = logging.getLogger("django_apiaccess")


class TOTPMethod:
    """An authenticator app."""

    type = "totp"

    def available(self) -> bool:
        return True

    def factors(self, user: Any) -> list[FactorRef]:
        return [ref(device) for model in models() for device in model.objects.filter(user=user, confirmed=True)]

    def begin(self, challenge: MFAChallenge, factor: FactorRef | None, request: Any) -> dict[str, Any]:
        return {}

    def verify(self, challenge: MFAChallenge, factor: FactorRef | None, response: Response) -> Proven | None:
        if factor is None or not use_code(factor.device, response.code):
            return None
        return Proven(AMR, ACR)

    def remove(self, factor: FactorRef) -> None:
        factor.device.delete()

    def rename(self, factor: FactorRef, name: str) -> None:
        type(factor.device).objects.filter(pk=factor.device.pk).update(name=name)


def models() -> list[Any]:
    """Ours, and django-otp's where it is installed."""
    found: list[Any] = [TOTPFactor]
    if apps.is_installed("django_otp.plugins.otp_totp"):
        found.append(apps.get_model("otp_totp", "TOTPDevice"))
    return found


def ref(device: Any) -> FactorRef:
    """How the outside sees an authenticator app."""
    own = isinstance(device, TOTPFactor)
    return FactorRef(
        id=device.uid if own else f"otp-{device.pk}",
        type=TOTPMethod.type,
        name=device.name,
        created_at=device.created_at,
        last_used_at=device.last_used_at,
        device=device,
    )


def use_code(device: Any, code: str) -> bool:
    """Whether the code is right for a step near now that is newer than the last used one; it is used up by that.

    One conditional update decides: of simultaneous tries with one code exactly one is right, on every database.
    """
    code = code.replace(" ", "")  # apps show it in two groups
    if not CODE.fullmatch(code) or len(code) != device.digits:
        return False
    found = _readable_step_of(device, code)
    if found is None:
        return False
    offset, step = found
    drift = max(-MAX_DRIFT, min(MAX_DRIFT, device.drift + offset))
    newer = type(device).objects.filter(pk=device.pk, last_t__lt=step)
    return bool(newer.update(last_t=step, drift=drift, last_used_at=timezone.now()))


def _readable_step_of(device: Any, code: str) -> tuple[int, int] | None:
    """As `_step_of`; of a seed that is sealed under a pepper that is gone, or is no hex, no code is right. The person has other factors."""
    try:
        return _step_of(device, code)
    except ValueError as error:
        told = "The seed of the authenticator app %s cannot be read (%s): its owner must set it up anew"
        logger.error(told, ref(device).id, type(error).__name__)  # noqa: TRY400 - no traceback: it may show the seed
        return None


def _step_of(device: Any, code: str) -> tuple[int, int] | None:
    """The offset and the time step that the code is of. All steps are compared, in constant time each."""
    key, present = device.bin_key, (int(time.time()) - device.t0) // device.step + device.drift
    tolerance = min(device.tolerance, MAX_TOLERANCE)
    found = None
    for offset in range(-tolerance, tolerance + 1):
        step = present + offset
        expected = f"{hotp(key, step, digits=device.digits):0{device.digits}d}" if step >= 0 else ""
        if hmac.compare_digest(expected.encode(), code.encode()) and step > device.last_t and found is None:
            found = offset, step
    return found
