"""The signing keys that this process holds, and their rotation.

A worker reloads the ring when the generation `signing_keys`, which every JWT request's statement brings, is another; when a `kid` is
unknown (at most once a second); and before it signs, every ten seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, router, transaction
from django.utils import timezone

from ..conf import access_settings
from ..core import sealing
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange
from ..roles import names
from ..roles.generations import bump, current
from ..roles.models import Generation
from . import jws
from .models import SigningKey

PURPOSE: Final = "signing-key"
PUBLISH_AHEAD: Final = timedelta(minutes=10)
"""How long a new key is published before it signs. More than twice `JWKS_MAX_AGE`: caches have time."""
JWKS_MAX_AGE: Final = timedelta(minutes=5)
LEEWAY: Final = timedelta(minutes=1)
"""Longer than `RELOAD_SECONDS` and the leeway of `exp` together: what a slow worker signed with the old key is verified to its end."""
RELOAD_SECONDS: Final = 10.0
RELOAD_AT_MOST_EVERY: Final = 1.0


@dataclass(slots=True)
class HeldKey:
    """A key of the ring. The private half is unsealed when it first signs."""

    verifying: jws.VerifyingKey
    public_jwk: dict[str, Any]
    number: int
    signs_from: datetime
    verifies_until: datetime | None
    sealed: str = field(repr=False)
    private: Any = field(default=None, repr=False)

    def unseal(self) -> Any:
        if self.private is None:
            pem = sealing.unseal(
                self.sealed, secrets=access_settings.PEPPERS, purpose=PURPOSE, row=str(self.verifying.kid)
            )
            self.private = jws.load_private(pem)
        return self.private


class KeyRing:
    """All keys that verify now, by `kid`."""

    def __init__(self) -> None:
        self._keys: dict[str, HeldKey] = {}
        self._generation: int | None = None
        self._loaded_at = self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def reload(self) -> None:
        """Read the keys: two queries."""
        started = time.monotonic()
        generation = current(Generation.SIGNING_KEYS)
        rows = SigningKey.objects.using(router.db_for_write(SigningKey)).verifying().filter(compromised=False)
        keys = {row.kid: _held(row, self._keys.get(row.kid)) for row in rows}
        with self._lock:
            if started >= self._loaded_at:
                self._keys, self._generation, self._loaded_at = keys, generation, started

    def verifying_key(self, kid: str | None) -> jws.VerifyingKey | None:
        """The key of that id while it verifies; an unknown id asks the database, at most once a second."""
        held = self._keys.get(kid or "")
        if held is None and kid and self._may_ask():
            self.reload()
            held = self._keys.get(kid)
        if held is None or (held.verifies_until is not None and held.verifies_until <= timezone.now()):
            return None
        return held.verifying

    def _may_ask(self) -> bool:
        """Whether an unknown id may ask the database: one thread, once a second."""
        with self._lock:
            now = time.monotonic()
            if now - max(self._loaded_at, self._asked_at) < RELOAD_AT_MOST_EVERY:
                return False
            self._asked_at = now
            return True

    def still_holds(self, kid: str | None, generation: int | None) -> bool:
        """Whether the key is good at `generation`, which the request's statement brought."""
        if generation != self._generation:
            self.reload()
        return self.verifying_key(kid) is not None

    def ready(self) -> None:
        """Raise what signing would raise, before anything is written that only a signed token makes good."""
        self._signing_key().unseal()

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        """Sign with the newest key whose time has come."""
        key = self._signing_key()
        private = key.unseal()
        return jws.sign(claims, private, algorithm=key.verifying.algorithm, kid=str(key.verifying.kid), typ=typ)

    def signing_algorithm(self) -> str:
        """The algorithm with which `sign` signs now."""
        return self._signing_key().verifying.algorithm

    def jwks(self) -> list[dict[str, Any]]:
        """The public keys, next and retiring ones included, for the JWKS document."""
        self.reload()
        return [held.public_jwk for held in sorted(self._keys.values(), key=lambda held: held.number)]

    def clear(self) -> None:
        """Forget everything (for tests)."""
        with self._lock:
            self._keys, self._generation = {}, None
            self._loaded_at = self._asked_at = float("-inf")

    def _signing_key(self) -> HeldKey:
        if time.monotonic() - self._loaded_at >= RELOAD_SECONDS:
            self.reload()
        key = _best(self._keys.values())
        if key is None:
            make_first_key()
            self.reload()
            key = _best(self._keys.values())
        if key is None:
            raise InvalidChange("No signing key is ready. Run: manage.py rotate_signing_keys --now")
        return key


def _best(keys: Iterable[HeldKey]) -> HeldKey | None:
    """The newest key whose time has come and that outlives what it signs; where there is none, the one that comes nearest to that."""
    now = timezone.now()
    usable = [key for key in keys if key.verifies_until is None or key.verifies_until > now]

    def merit(key: HeldKey) -> tuple[bool, bool, int]:
        ready = key.signs_from <= now
        lasting = key.verifies_until is None or key.verifies_until >= now + access_settings.ACCESS_TOKEN_LIFETIME
        return ready, lasting, key.number if ready else -key.number

    return max(usable, key=merit, default=None)


def _held(row: SigningKey, known: HeldKey | None) -> HeldKey:
    verifying = known.verifying if known is not None else jws.public_key(row.public_jwk, row.algorithm)
    private = known.private if known is not None else None
    return HeldKey(
        verifying, row.public_jwk, row.number, row.signs_from, row.verifies_until, row.sealed_private, private
    )


ring: Final = KeyRing()


def make_first_key() -> None:
    """A key for a project that has none that lasts; of two workers that try at once, one makes it.

    The number is chosen before it is looked whether there is a key: whoever is overtaken in between meets the other's number.
    """
    number = _next_number()
    if SigningKey.objects.filter(verifies_until=None, compromised=False).exists():
        return
    with suppress(IntegrityError):
        _add(number, access_settings.SIGNING_ALGORITHM, signs_from=timezone.now(), by=Actor.system())


def _next_number() -> int:
    newest: int | None = SigningKey.objects.order_by("-number").values_list("number", flat=True).first()
    return 1 if newest is None else newest + 1


def rotate(*, by: Actor, algorithm: str | None = None, now: bool = False) -> tuple[SigningKey, bool]:
    """Publish the next key; it signs once caches had time (`now`: at once), and the present one retires after its last token is dead.

    Two workers that rotate at once make one key. Returns the key and whether this call made it.
    """
    moment = timezone.now()
    newest: SigningKey | None = SigningKey.objects.order_by("-number").first()
    if newest is not None and newest.signs_from > moment and not now:
        return newest, False
    number = 1 if newest is None else newest.number + 1
    signs_from = moment if now or newest is None else moment + PUBLISH_AHEAD
    try:
        made = _add(number, algorithm or access_settings.SIGNING_ALGORITHM, signs_from=signs_from, by=by)
    except IntegrityError:
        other: SigningKey = SigningKey.objects.get(number=number)
        return other, False
    return made, True


@transaction.atomic
def _add(number: int, algorithm: str, *, signs_from: datetime, by: Actor) -> SigningKey:
    if algorithm not in jws.ALGORITHMS:
        raise InvalidChange(
            f"Unknown algorithm {algorithm!r}: choose one of {', '.join(jws.ALGORITHMS)}.", field="algorithm"
        )
    private = jws.generate(algorithm)
    public = jws.public_jwk(private, algorithm)
    pem = jws.private_pem(private)
    bump(Generation.SIGNING_KEYS)  # first, as in every change of keys: one order of locks
    row = SigningKey.objects.create(
        number=number,
        kid=public["kid"],
        algorithm=algorithm,
        public_jwk=public,
        sealed_private=sealing.seal(pem, secrets=access_settings.PEPPERS, purpose=PURPOSE, row=public["kid"]),
        signs_from=signs_from,
    )
    until = signs_from + access_settings.ACCESS_TOKEN_LIFETIME + LEEWAY
    SigningKey.objects.filter(number__lt=number, verifies_until=None).update(verifies_until=until)
    changed(Action.SIGNING_KEY_MADE, row, by=by, algorithm=algorithm, signs_from=signs_from.isoformat())
    return row


@transaction.atomic
def compromise(kid: str, *, by: Actor, reason: str) -> SigningKey:
    """Distrust a key and every token that it signed, from the next request on.

    Where no trusted key is left that signs now and lasts, a new one is made that signs at once: nobody is locked out.
    """
    if not reason.strip():
        raise InvalidChange("Say why: a compromise needs a reason.", field="reason")
    row = SigningKey.objects.filter(kid=kid).first()
    if row is None:
        near = names.nearest(kid, SigningKey.objects.values_list("kid", flat=True)[:1000])
        raise InvalidChange(
            f"There is no signing key {kid!r}.{near} See them with: manage.py rotate_signing_keys --list", field="kid"
        )
    bump(Generation.SIGNING_KEYS)
    trusted = SigningKey.objects.filter(compromised=False)
    if not trusted.filter(pk=row.pk).update(compromised=True, verifies_until=timezone.now(), sealed_private=""):
        raise InvalidChange(f"The signing key {kid!r} is marked as compromised already.", field="kid")
    bump(Generation.CREDENTIALS)  # remembered tokens are forgotten
    changed(Action.SIGNING_KEY_COMPROMISED, row, by=by, reason=reason)
    signs_on = trusted.verifying(timezone.now() + access_settings.ACCESS_TOKEN_LIFETIME)
    if not signs_on.filter(signs_from__lte=timezone.now()).exists() or not trusted.filter(verifies_until=None).exists():
        with suppress(IntegrityError):  # somebody else made one at this moment
            _add(_next_number(), row.algorithm, signs_from=timezone.now(), by=by)
    row.refresh_from_db()
    distrusted: SigningKey = row
    return distrusted


def reseal(*, by: Actor) -> int:
    """Seal every private half under the newest pepper. Returns how many were sealed anew; can be stopped and run again.

    Raises `InvalidChange` when some could not be opened, after all others were sealed.
    """
    forget_retired()
    count, lost = 0, []
    for row in SigningKey.objects.exclude(sealed_private=""):
        secrets = access_settings.PEPPERS
        if sealing.is_newest(row.sealed_private, secrets=secrets, purpose=PURPOSE):
            continue
        try:
            pem = sealing.unseal(row.sealed_private, secrets=secrets, purpose=PURPOSE, row=row.kid)
        except sealing.SealError as error:
            lost.append(f"{row.kid} ({error})")
            continue
        sealed = sealing.seal(pem, secrets=secrets, purpose=PURPOSE, row=row.kid)
        count += SigningKey.objects.filter(pk=row.pk, sealed_private=row.sealed_private).update(sealed_private=sealed)
    if count:
        changed(Action.SIGNING_KEYS_RESEALED, None, by=by, label="signing keys", count=count)
    if lost:
        raise InvalidChange(
            f"{count} sealed anew, but these do not open: {', '.join(lost)}. Put their pepper back behind the newest in PEPPERS, "
            "or give them up: manage.py rotate_signing_keys --compromised KID --reason TEXT"
        )
    return count


def forget_retired() -> int:
    """Delete the private halves of keys that sign nothing any more. Returns how many."""
    retired = SigningKey.objects.filter(verifies_until__lte=timezone.now()).exclude(sealed_private="")
    return int(retired.update(sealed_private=""))
