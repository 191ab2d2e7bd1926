"""Rotation: a new secret for a key, with a grace for the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ..conf import access_settings
from ..core import digests, secrets
from ..events.record import changed, changed_many
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import Conflict, InvalidChange, NotHeld
from ..roles import delegation
from ..roles.generations import bump
from ..roles.models import Generation
from . import bounds
from .approvals import policy as approval_policy
from .issued import CHANGEABLE, Issued, add_secret, read_anew
from .models import APIKey, APIKeySecret
from .querysets import APIKeyQuerySet

BATCH: Final = 1000


def rotate(key: APIKey, *, by: Actor, grace: timedelta | None = None, reason: str = "") -> Issued:
    """A new secret; the old ones live for `grace` more (None: the setting; 0: they die now).

    Of two rotations at once one succeeds; the other raises `Conflict` and changes nothing. Raises `NotHeld` when the actor would get into
    their hands a key that can do more than they can, and `FourEyes` for a key that needs approval and is not theirs; a key that another one
    rotates belongs to that one from then on, and ends with it.
    """
    _check_rotatable(key)
    via = _check_takes(key, by)
    approval_policy.check_takes(key.principal, key.scopes, by)
    now = timezone.now()
    until = _after(now, access_settings.KEY_ROTATION_GRACE if grace is None else grace)
    # Read before the transaction: where transactions wait for each other at their beginning, the second would see the first one's secret.
    current = APIKeySecret.objects.current().filter(key=key).values_list("pk", flat=True).first()
    with transaction.atomic():
        bump(Generation.CREDENTIALS, sessions=False)  # first, as in every change of keys: one order of locks
        if not APIKeySecret.objects.current().filter(key=key, pk=current).update(retired_at=now):
            raise Conflict(
                "Somebody else rotated this key at the same moment. Nothing was done; use their new secret or rotate again."
            )
        _shorten([key.pk], until)
        if via is not None and via.pk != key.pk:
            read_anew(key)
            bounds.take_over(key, via)
            bounds.inherit(key, via)
            key.save(update_fields=[*CHANGEABLE, "issued_via"])
        text = add_secret(key)
        changed(Action.KEY_ROTATED, key, by=by, reason=reason, old_secret_valid_until=until.isoformat())
    return Issued(key, text, until)


def rotate_many(
    keys: APIKeyQuerySet, *, by: Actor, grace: timedelta | None = None, batch: int = BATCH
) -> Iterator[list[Issued]]:
    """Rotate many keys, batch by batch. Each batch is handed out *before* the old secrets are told to end.

    For each batch: the new secrets are committed beside the old ones; the caller gets them and writes them down; only when
    it asks for the next batch do the old ones get their end. A run that is killed anywhere leaves every key working: a new secret that was
    written down works, one that was not is known to nobody, and an old one that got no end yet goes on. Running again is always right.
    """
    grace = access_settings.KEY_ROTATION_GRACE if grace is None else grace
    _after(timezone.now(), grace)
    last = 0
    while True:
        rows = list(keys.usable().filter(pk__gt=last).order_by("pk").select_related(None)[:batch])
        if not rows:
            return
        last = rows[-1].pk
        now = timezone.now()
        until = now + grace
        current = set(APIKeySecret.objects.current().filter(key__in=rows).values_list("key_id", flat=True))
        staged, issued = [], []
        for key in rows:
            if key.pk not in current:
                continue
            made = secrets.make_key(access_settings.KEY_PREFIX)
            digest = digests.make(made.text, access_settings.PEPPERS)
            staged.append(APIKeySecret(key=key, public_id=made.id, digest=digest, created_at=now, retired_at=now))
            issued.append(Issued(key, made.text, until))
        APIKeySecret.objects.bulk_create(staged, batch_size=500)
        yield issued
        _promote(issued, staged, until, by)


def _promote(issued: list[Issued], staged: list[APIKeySecret], until: datetime, by: Actor) -> None:
    """Make the staged secrets the current ones, in place of whichever are current now: another rotation may have come in between.

    One that was reported as leaked meanwhile stays as the report left it, and the key goes on with the secret that it has.
    """
    now = timezone.now()
    with transaction.atomic():
        bump(Generation.CREDENTIALS, sessions=False)
        mine = APIKeySecret.objects.filter(public_id__in=[secret.public_id for secret in staged], leaked_at=None)
        key_ids = list(mine.values_list("key_id", flat=True))
        APIKeySecret.objects.current().filter(key__in=key_ids).update(retired_at=now)
        mine.update(retired_at=None, expires_at=None)
        _shorten(key_ids, until)
        facts = {"old_secret_valid_until": until.isoformat()}
        done = ((entry.key, facts) for entry in issued if entry.key.pk in key_ids)
        changed_many(Action.KEY_ROTATED, done, by=by)


def _shorten(key_ids: list[int], until: datetime) -> None:
    """Let every secret of these keys that is not the current one end at `until` at the latest."""
    olds = APIKeySecret.objects.filter(key__in=key_ids, retired_at__isnull=False)
    olds.filter(Q(expires_at=None) | Q(expires_at__gt=until)).update(expires_at=until)


def _check_rotatable(key: APIKey) -> None:
    if key.status != APIKey.Status.ACTIVE:
        raise InvalidChange(f"This key is {key.status.label}; it cannot be rotated. Make a new one.")


def _check_takes(key: APIKey, by: Actor) -> APIKey | None:
    """The key with which the actor asks, if any.

    Raises `NotHeld` when a new text of the key would give the actor more than they have. Their own keys they may always renew.
    """
    via = bounds.managing_key(by)
    access = delegation.access_of(by)
    own = via.pk == key.pk if via is not None else by.user is not None and by.user.pk == key.principal_id
    if access is None or own:
        return via
    beyond = bounds.beyond(key, access)
    if beyond:
        listed = ", ".join(sorted(beyond))
        raise NotHeld(
            f"{by.label} does not hold {listed}, which this key can do, and so cannot have a secret of it.", beyond
        )
    return via


def _after(now: datetime, length: timedelta) -> datetime:
    try:
        return now + length
    except OverflowError:
        raise InvalidChange("That grace never ends. Choose a shorter one, as 24h.", field="grace") from None
