"""Recovery codes: ten, shown once, each good once. At rest only keyed digests (ASVS 6.5.2, 6.5.3)."""

from __future__ import annotations

import re
import secrets as random
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from ..conf import access_settings
from ..core import digests
from ..core.secrets import SecretText
from .methods import FactorRef, Proven, Response
from .models import MFAChallenge, RecoveryCode

COUNT: Final = 10
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so a handwritten code reads one way."""
LENGTH: Final = 16
"""Characters: 80 random bits."""
READ_AS: Final = str.maketrans("ILO", "110")
FORM: Final = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}", re.ASCII)
STATIC: Final = re.compile(r"[!-~]{1,16}", re.ASCII)
"""What a static token of django-otp may look like; other texts are not for a database."""
ID: Final = "recovery"
MAX_TYPED: Final = 64


class RecoveryMethod:
    """A recovery code. It stands in for a lost factor, so it is offered beside one only."""

    type = "recovery"

    def available(self) -> bool:
        return True

    def factors(self, user: Any) -> list[FactorRef]:
        unused = left(user)
        return [FactorRef(ID, self.type, "Recovery codes", hint=f"{unused} left")] if unused else []

    def begin(self, challenge: MFAChallenge, factor: FactorRef | None, request: Any) -> dict[str, Any]:
        return {}

    def verify(self, challenge: MFAChallenge, factor: FactorRef | None, response: Response) -> Proven | None:
        if challenge.user is None or not use_code(challenge.user, response.code):
            return None
        return Proven(("otp",), "aal2")

    def remove(self, factor: FactorRef) -> None:
        """All go at once; the caller says whose by `forget`."""

    def rename(self, factor: FactorRef, name: str) -> None:
        """They have one name."""


def make(user: Any) -> list[str]:
    """Ten new codes for the user; those of before are dead. Their texts are stored nowhere."""
    texts = ["".join(random.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(COUNT)]
    with transaction.atomic():
        forget(user)
        RecoveryCode.objects.bulk_create(
            RecoveryCode(user=user, digest=digest) for text in texts for digest in _digests(user, text)[:1]
        )
    return [SecretText("-".join(text[start : start + 4] for start in range(0, LENGTH, 4))) for text in texts]


def forget(user: Any) -> int:
    """Take away every code of the user. Returns how many were unused."""
    unused = left(user)
    RecoveryCode.objects.filter(user=user).delete()
    for tokens in _static_tokens(user):
        tokens.delete()
    return unused


def left(user: Any) -> int:
    """How many codes are unused."""
    own = RecoveryCode.objects.filter(user=user, used_at=None).count()
    return own + sum(int(tokens.count()) for tokens in _static_tokens(user))


def use_code(user: Any, typed: str) -> bool:
    """Whether it is an unused code of the user; it is used up by that: one conditional update."""
    if len(typed) > MAX_TYPED:
        return False
    mine = RecoveryCode.objects.filter(user=user, digest__in=_digests(user, canonical(typed)), used_at=None)
    if mine.update(used_at=timezone.now()):
        return True
    static = typed.strip()
    return any(tokens.filter(token=static).delete()[0] for tokens in _static_tokens(user) if STATIC.fullmatch(static))


def canonical(typed: str) -> str:
    """A code as it was made, however it was typed: in groups or not, in any case, O for 0. Other texts as they are."""
    text = re.sub(r"[\s-]", "", typed).upper().translate(READ_AS)
    return text if FORM.fullmatch(text) else typed.strip()


def adopt(user: Any, text: str) -> None:
    """Keep a static token of django-otp as a recovery code: it goes on working."""
    RecoveryCode.objects.get_or_create(digest=_digests(user, canonical(text))[0], defaults={"user": user})


def _digests(user: Any, text: str) -> list[str]:
    """The digests under which the code may be stored, the newest pepper's first. The user is part of it: no code fits another account."""
    encoded = text.encode("unicode_escape").decode()
    return [digests.make(f"recovery|{user.pk}|{encoded}", (pepper,)) for pepper in access_settings.PEPPERS]


def _static_tokens(user: Any) -> list[Any]:
    """django-otp's static tokens of the user, where they are installed: in plain text there; `upgrade_otp_devices` brings them here."""
    if not apps.is_installed("django_otp.plugins.otp_static"):
        return []
    tokens: Any = apps.get_model("otp_static", "StaticToken").objects
    return [tokens.filter(device__user=user, device__confirmed=True)]
