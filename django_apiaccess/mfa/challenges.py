"""The life of a challenge: begun by a log-in or a step-up, tried a few times, proven once, used once.

Every step is a conditional update whose row count is the verdict, so that simultaneous requests count exactly on every database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from ..authn.marks import password_mark, password_unchanged
from ..conf import access_settings
from ..core import digests, secrets
from ..core.proof import Proof
from .errors import InvalidChallenge
from .models import MFAChallenge

Purpose = MFAChallenge.Purpose
PREFIX: Final = "mfa"
LIFETIME: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 5
RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})


def begin(
    purpose: MFAChallenge.Purpose,
    user: Any = None,
    *,
    proof: Proof | None = None,
    context: dict[str, Any] | None = None,
    bound_to: str = "",
    lifetime: timedelta = LIFETIME,
) -> tuple[str, MFAChallenge]:
    """A new challenge and its text, which is stored nowhere. `proof`: what was proven before it, as a password."""
    made = secrets.make_key(PREFIX)
    challenge = MFAChallenge.objects.create(
        public_id=made.id,
        digest=digests.make(made.text, access_settings.PEPPERS),
        purpose=purpose,
        user=user,
        password_mark=password_mark(user) if user is not None else "",
        bound_to=bound_to,
        amr=" ".join(proof.amr) if proof else "",
        acr=proof.acr if proof else "",
        context=context or {},
        expires_at=timezone.now() + lifetime,
    )
    return made.text, challenge


def find(text: object, purposes: Iterable[str], *, bound_to: str = "") -> MFAChallenge:
    """The living challenge whose text this is. Raises `InvalidChallenge`, the same for whatever is wrong with it."""
    key = secrets.split(text, PREFIX) if isinstance(text, str) and len(text) <= secrets.MAX_LENGTH else None
    if key is None:
        raise InvalidChallenge
    challenge = MFAChallenge.objects.select_related("user").filter(public_id=key.id).first()
    if challenge is None:
        digests.verify_nothing(key.text, access_settings.PEPPERS)
        raise InvalidChallenge
    if digests.verify(key.text, challenge.digest, access_settings.PEPPERS) not in RIGHT:
        raise InvalidChallenge
    if challenge.purpose not in purposes or challenge.bound_to != bound_to:
        raise InvalidChallenge
    require_alive(challenge)
    return challenge


def require_alive(challenge: MFAChallenge) -> None:
    """Raise `InvalidChallenge` when it is used or over, or when its user may not log in any more or has a new password."""
    if challenge.used_at is not None or challenge.expires_at <= timezone.now():
        raise InvalidChallenge
    user = challenge.user
    if user is not None and not (user.is_active and password_unchanged(challenge.password_mark, user.password)):
        raise InvalidChallenge


def admit(challenge: MFAChallenge) -> None:
    """Count one try before anything is checked: of any number of simultaneous tries `MAX_ATTEMPTS` come through (ASVS 6.6.3)."""
    now = timezone.now()
    open_ones = MFAChallenge.objects.filter(
        pk=challenge.pk, used_at=None, expires_at__gt=now, attempts__lt=MAX_ATTEMPTS
    )
    if not open_ones.update(attempts=F("attempts") + 1):
        raise InvalidChallenge


def give_back(challenge: MFAChallenge) -> None:
    """Take a try back: nothing was checked."""
    MFAChallenge.objects.filter(pk=challenge.pk, attempts__gt=0).update(attempts=F("attempts") - 1)


def prove(challenge: MFAChallenge, proof: Proof) -> None:
    """Keep what has been proven in all; who uses the challenge up gets it."""
    MFAChallenge.objects.filter(pk=challenge.pk, used_at=None).update(
        amr=" ".join(proof.amr), acr=proof.acr, proven_at=proof.auth_time
    )
    challenge.amr, challenge.acr, challenge.proven_at = " ".join(proof.amr), proof.acr, proof.auth_time


def use(challenge: MFAChallenge) -> Proof:
    """Use a proven challenge up: whoever comes second gets `InvalidChallenge`."""
    now = timezone.now()
    proven = MFAChallenge.objects.filter(pk=challenge.pk, used_at=None, expires_at__gt=now, proven_at__isnull=False)
    if challenge.proven_at is None or not proven.update(used_at=now):
        raise InvalidChallenge
    return Proof(tuple(challenge.amr.split()), challenge.acr, challenge.proven_at)


def proof_before(challenge: MFAChallenge, at: Any) -> Proof:
    """What had been proven when the challenge began."""
    return Proof(tuple(challenge.amr.split()), challenge.acr, at)


def ended_before(now: Any) -> Any:
    """Challenges that are over, for `prune_access`."""
    return MFAChallenge.objects.filter(expires_at__lt=now)
