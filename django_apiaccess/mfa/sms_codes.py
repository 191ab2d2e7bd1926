"""Codes by SMS: six digits, ten minutes, bound to the attempt that asked for them, good once (ASVS 6.5.5, 6.6.2).

At rest a keyed digest; neither the code nor the whole number comes into a log, an event or an error. A message goes out after what it
belongs to is committed, and outside of any lock: a gateway may be slow, down, or lying.
"""

from __future__ import annotations

import logging
import re
import secrets as random
import time
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from ..authn.client import where_of
from ..conf import access_settings
from ..core import digests
from ..core.reasons import Reason
from ..core.secrets import SecretText
from ..events.record import changed, refused
from ..events.source import Actor
from ..events.tags import Action
from ..sms import SendResult, SMSError, get_gateway, mask
from . import sms_limits
from .errors import NotSent, SendingLimited
from .methods import FactorRef, Proven, Response
from .models import MFAChallenge, SMSFactor

DIGITS: Final = 6
LIFETIME: Final = timedelta(minutes=10)
CODE: Final = re.compile(rf"[0-9]{{{DIGITS}}}", re.ASCII)
RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})
AMR: Final = ("otp", "sms")
ACR: Final = "aal2-sms"
logger: Final = logging.getLogger("django_apiaccess")


class SMSMethod:
    """A phone that takes codes."""

    type = "sms"

    def available(self) -> bool:
        return access_settings.MFA["SMS_GATEWAY"] is not None

    def factors(self, user: Any) -> list[FactorRef]:
        return [ref(device) for device in SMSFactor.objects.filter(user=user, confirmed=True).order_by("pk")]

    def begin(self, challenge: MFAChallenge, factor: FactorRef | None, request: Any) -> dict[str, Any]:
        assert factor is not None
        send_code(challenge, factor.device, request)
        return {"sent_to": factor.hint, "expires_in": expires_in(challenge)}

    def verify(self, challenge: MFAChallenge, factor: FactorRef | None, response: Response) -> Proven | None:
        if factor is None or not use_code(challenge, factor.device, response.code):
            return None
        SMSFactor.objects.filter(pk=factor.device.pk).update(last_used_at=timezone.now())
        return Proven(AMR, ACR)

    def remove(self, factor: FactorRef) -> None:
        factor.device.delete()

    def rename(self, factor: FactorRef, name: str) -> None:
        SMSFactor.objects.filter(pk=factor.device.pk).update(name=name)


def ref(device: SMSFactor) -> FactorRef:
    """How the outside sees a phone."""
    hint = mask(device.number)
    return FactorRef(
        device.uid, SMSMethod.type, device.name or "Phone", hint, device.created_at, device.last_used_at, device
    )


def send_code(challenge: MFAChallenge, device: SMSFactor, request: Any) -> None:
    """Send a new code for the challenge to the device; a code of before is void. Raises `SendingLimited` or `NotSent`."""
    where = where_of(request)
    by = Actor.of_user(challenge.user, where=where)
    wait = sms_limits.allow(challenge.user_id, device.number, where.address, time.time())
    if wait:
        refused(Action.SMS_REFUSED, Reason.RATE, by=by, number=mask(device.number), limit=wait.limit)
        raise SendingLimited(wait=wait)
    code = SecretText(f"{random.randbelow(10**DIGITS):0{DIGITS}d}")
    now = timezone.now()
    challenge.method = device.uid
    challenge.code_digest = digests.make(_bound(challenge, device, code), access_settings.PEPPERS)
    challenge.code_expires_at = now + LIFETIME
    challenge.save(update_fields=["method", "code_digest", "code_expires_at"])
    sent, problem = _handed_over(device.number, text_of(code), challenge.purpose)
    if sent is None:
        number = mask(device.number)
        refused(Action.SMS_REFUSED, Reason.NOT_SENT, by=by, outcome="failed", number=number, detail=problem)
        raise NotSent
    changed(
        Action.SMS_SENT, device, by=by, label=mask(device.number), provider=sent.provider, purpose=challenge.purpose
    )


def _handed_over(number: str, text: str, purpose: str) -> tuple[SendResult | None, str]:
    """The gateway's result or, of a message that it did not take, what is wrong.

    A gateway may be anybody's code: what it raises may repeat what it was given, and what it returns may be anything.
    """
    try:
        sent: object = get_gateway().send(number, text, purpose=purpose)
    except SMSError as error:
        return None, f"{error.provider} {error.code}"
    except Exception as error:  # noqa: BLE001 - as above
        logger.error("The SMS gateway failed with %s", type(error).__name__)  # noqa: TRY400 - no traceback: it may hold the code
        return None, type(error).__name__
    if not isinstance(sent, SendResult):
        logger.error("The SMS gateway returned %s, not a SendResult", type(sent).__name__)
        return None, f"returned {type(sent).__name__}"
    return sent, ""


def expires_in(challenge: MFAChallenge) -> int:
    """Seconds that the code can still be used: its own life, within its challenge's."""
    ends = min(challenge.code_expires_at or challenge.expires_at, challenge.expires_at)
    return max(0, int((ends - timezone.now()).total_seconds()))


def text_of(code: str) -> str:
    """The message. Short, so that it is one message; it says whose code it is and never where to type it."""
    name = access_settings.MFA["NAME"] or "log-in"
    return f"{code} is your {name} code. Nobody will ask you for it; do not pass it on."


def use_code(challenge: MFAChallenge, device: SMSFactor, code: str) -> bool:
    """Whether it is the code that was sent last for this challenge to this device; it is used up by that."""
    code = code.replace(" ", "").replace("-", "")
    stored, now = challenge.code_digest, timezone.now()
    if not CODE.fullmatch(code) or not stored or challenge.method != device.uid:
        return False
    if challenge.code_expires_at is None or challenge.code_expires_at <= now:
        return False
    if digests.verify(_bound(challenge, device, code), stored, access_settings.PEPPERS) not in RIGHT:
        return False
    return bool(MFAChallenge.objects.filter(pk=challenge.pk, code_digest=stored).update(code_digest=""))


def _bound(challenge: MFAChallenge, device: SMSFactor, code: str) -> str:
    """What the digest is made of: the code of another attempt or another phone never fits."""
    return f"sms|{challenge.public_id}|{device.uid}|{device.number}|{code}"
