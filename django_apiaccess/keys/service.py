"""What can be done with API keys: issue, change, rotate, revoke. Each in a transaction, with its event, within what the actor may give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from ..conf import access_settings
from ..core import digests, secrets
from ..core import scopes as core_scopes
from ..core.durations import humanise
from ..core.scopes import dump
from ..events.record import changed, changed_many
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import Conflict, InvalidChange, NotHeld, UnknownName
from ..roles import delegation, names
from ..roles.generations import bump
from ..roles.models import Generation
from ..roles.rights import held_by
from . import bounds
from .models import APIKey, APIKeySecret, ServiceAccount
from .querysets import APIKeyQuerySet

BATCH: Final = 1000
CHANGEABLE: Final = ("name", "scopes", "networks", "origins", "rate", "expires_at")
NOT_TYPED: Final = frozenset({"created_by", "issued_via", "principal"})
"""Columns of a key that no caller fills in."""


class Default(Enum):
    """Stands for "as the settings say"."""

    DEFAULT = "default"


DEFAULT: Final = Default.DEFAULT


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its text: the only time that the text exists outside its holder's hands."""

    key: APIKey
    text: str = field(repr=False)
    old_secret_valid_until: datetime | None = None


# -- service accounts


@transaction.atomic
def create_service_account(*, name: str, owner: Any, purpose: str, by: Actor) -> ServiceAccount:
    """A principal for a program: a user without a usable password, an owner who answers for it, and a purpose."""
    model = get_user_model()
    if not name.strip() or not purpose.strip():
        raise InvalidChange(
            "A service account needs a name and a purpose.", field="name" if not name.strip() else "purpose"
        )
    login: Any = model._meta.get_field(model.USERNAME_FIELD)
    value = f"{name}@service-account.invalid" if isinstance(login, models.EmailField) else name
    if (
        ServiceAccount.objects.filter(name=name).exists()
        or model._default_manager.filter(**{model.USERNAME_FIELD: value}).exists()
    ):
        raise InvalidChange(
            f"There is a user or service account named {name!r} already. Choose another name.", field="name"
        )
    user = model(**{model.USERNAME_FIELD: value})
    user.set_unusable_password()
    _clean(user, exclude=frozenset({"password"}))
    user.save()
    account = ServiceAccount(user=user, name=name, owner=owner, purpose=purpose)
    _clean(account)
    account.save()
    changed(Action.SERVICE_ACCOUNT_CREATED, account, by=by, owner=str(owner), purpose=purpose)
    return account


def service_account(name: str) -> ServiceAccount:
    """The service account of that name. Raises `UnknownName`."""
    found = ServiceAccount.objects.select_related("user").filter(name=name).first()
    if found is None:
        known = list(ServiceAccount.objects.values_list("name", flat=True)[:1000])
        raise UnknownName(f"Unknown service account {name!r}.{names.nearest(name, known)}", field="service_account")
    return found


# -- issue and change


@transaction.atomic
def issue(
    *,
    principal: Any,
    name: str,
    scopes: Iterable[str],
    by: Actor,
    expires_at: datetime | Default | None = DEFAULT,
    networks: str = "",
    origins: str = "",
    rate: str = "",
) -> Issued:
    """A new key. Its text is in the answer and nowhere else.

    Raises `UnknownName`, `NotHeld` (a scope that the principal or the actor does not hold now), `InvalidChange`.
    """
    bump(Generation.CREDENTIALS)  # also the lock: a key that asks is revoked before, or with the new one after
    via = bounds.managing_key(by)
    key = APIKey(
        name=name.strip(),
        principal=principal,
        scopes=names.scope_names(scopes, field="scopes"),
        networks=_tidy(networks),
        origins=_tidy(origins).lower(),
        rate=rate.strip(),
        created_by=by.user,
        issued_via=via,
        expires_at=_default_expiry() if isinstance(expires_at, Default) else expires_at,
    )
    _clean(key, exclude=NOT_TYPED)
    if via is not None:
        bounds.inherit(key, via)
    if not principal.is_active:
        raise InvalidChange(f"{principal.get_username()} is not active: a key would open nothing.", field="principal")
    _check_expiry(key)
    _check_scopes(key, by)
    key.save()
    text = _add_secret(key)
    changed(Action.KEY_CREATED, key, by=by, **described(key))
    return Issued(key, text)


@transaction.atomic
def change(key: APIKey, *, by: Actor, **fields: Any) -> APIKey:
    """Change name, scopes, networks, origins, rate or expires_at of a key that is not revoked. Unchanged: nothing is written."""
    unknown = set(fields) - set(CHANGEABLE)
    if unknown:
        raise TypeError(f"A key has no field {min(unknown)!r} that can be changed.")
    if key.revoked_at is not None:
        raise InvalidChange("A revoked key cannot be changed. Make a new one.")
    before = described(key)
    _assign(key, fields)
    _clean(key, exclude=NOT_TYPED)
    # The asking key is read anew: one that changes itself stays within what it was.
    for bound in (bounds.managing_key(by), key.issued_via):
        if bound is not None:
            bounds.inherit(key, bound)
    after = described(key)
    if after == before:
        return key
    if after["scopes"] != before["scopes"]:
        _check_scopes(key, by)
        bounds.check_issued(key)
    key.save(update_fields=CHANGEABLE)
    bump(Generation.CREDENTIALS)
    changed(Action.KEY_CHANGED, key, by=by, before=before, after=after)
    for issued in bounds.tightened(key):
        issued.save(update_fields=CHANGEABLE)
        changed(
            Action.KEY_CHANGED,
            issued,
            by=by,
            reason=f"bound as {key.name}, which asked for it",
            after=described(issued),
        )
    return key


def _assign(key: APIKey, fields: dict[str, Any]) -> None:
    if "scopes" in fields:
        key.scopes = names.scope_names(fields["scopes"], field="scopes")
    for name in ("networks", "origins"):
        if name in fields:
            setattr(key, name, _tidy(fields[name]).lower() if name == "origins" else _tidy(fields[name]))
    for name in ("name", "rate"):
        if name in fields:
            setattr(key, name, fields[name].strip())
    if "expires_at" in fields and fields["expires_at"] != key.expires_at:
        key.expires_at = fields["expires_at"]
        _check_expiry(key)


def described(key: APIKey) -> dict[str, Any]:
    """The key as plain data for its event. No secret, no digest."""
    return {
        "name": key.name,
        "principal": str(key.principal.get_username()),
        "scopes": dump(key.scopes),
        "networks": key.networks,
        "origins": key.origins,
        "rate": key.rate,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


# -- rotate


def rotate(key: APIKey, *, by: Actor, grace: timedelta | None = None, reason: str = "") -> Issued:
    """A new secret; the old ones live for `grace` more (None: the setting; 0: they die now).

    Of two rotations at once one succeeds; the other raises `Conflict` and changes nothing. Raises `NotHeld` when the actor would get into
    their hands a key that can do more than they can; a key that another one rotates ends with that one at the latest.
    """
    _check_rotatable(key)
    via = _check_takes(key, by)
    now = timezone.now()
    until = _after(now, access_settings.KEY_ROTATION_GRACE if grace is None else grace)
    # Read before the transaction: where transactions wait for each other at their beginning, the second would see the first one's secret.
    current = APIKeySecret.objects.current().filter(key=key).values_list("pk", flat=True).first()
    with transaction.atomic():
        if not APIKeySecret.objects.current().filter(key=key, pk=current).update(retired_at=now):
            raise Conflict(
                "Somebody else rotated this key at the same moment. Nothing was done; use their new secret or rotate again."
            )
        _shorten([key.pk], until)
        if via is not None and via.pk != key.pk:
            bounds.inherit(key, via)
            key.save(update_fields=CHANGEABLE)
        text = _add_secret(key)
        bump(Generation.CREDENTIALS)
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
    """Make the staged secrets the current ones, in place of whichever are current now: another rotation may have come in between."""
    now = timezone.now()
    with transaction.atomic():
        bump(Generation.CREDENTIALS)
        mine = APIKeySecret.objects.filter(public_id__in=[secret.public_id for secret in staged])
        key_ids = list(mine.values_list("key_id", flat=True))
        APIKeySecret.objects.current().filter(key__in=key_ids).update(retired_at=now)
        mine.update(retired_at=None, expires_at=None)
        _shorten(key_ids, until)
        done = ((entry.key, {"old_secret_valid_until": until.isoformat()}) for entry in issued)
        changed_many(Action.KEY_ROTATED, done, by=by)


def _shorten(key_ids: list[int], until: datetime) -> None:
    """Let every secret of these keys that is not the current one end at `until` at the latest."""
    olds = APIKeySecret.objects.filter(key__in=key_ids, retired_at__isnull=False)
    olds.filter(Q(expires_at=None) | Q(expires_at__gt=until)).update(expires_at=until)


# -- revoke


def revoke(keys: APIKey | APIKeyQuerySet, *, reason: str, by: Actor, batch: int = BATCH) -> int:
    """End keys for good, with the keys that were issued through them; felt at the next request. Returns how many ended now."""
    if not reason.strip():
        raise InvalidChange("Say why: a revocation needs a reason.", field="reason")
    wanted = APIKey.objects.filter(pk=keys.pk) if isinstance(keys, APIKey) else keys
    pending = sorted(wanted.filter(revoked_at=None).values_list("pk", flat=True))
    total = 0
    while pending:
        for start in range(0, len(pending), batch):
            total += _revoke_batch(pending[start : start + batch], reason=reason.strip()[:255], by=by)
        children: list[int] = []
        for start in range(0, len(pending), batch):
            born = APIKey.objects.filter(issued_via__in=pending[start : start + batch], revoked_at=None)
            children += born.values_list("pk", flat=True)
        pending = sorted(children)
    if isinstance(keys, APIKey):
        keys.refresh_from_db(fields=["revoked_at", "revoked_reason"])
    return total


@transaction.atomic
def _revoke_batch(ids: list[int], *, reason: str, by: Actor) -> int:
    bump(Generation.CREDENTIALS)
    now = timezone.now()
    rows = list(APIKey.objects.filter(pk__in=ids, revoked_at=None))
    ended = APIKey.objects.filter(pk__in=[row.pk for row in rows], revoked_at=None).update(
        revoked_at=now, revoked_reason=reason
    )
    changed_many(Action.KEY_REVOKED, ((row, {}) for row in rows), by=by, reason=reason)
    return ended


# -- parts


def _default_expiry() -> datetime | None:
    lifetime = access_settings.KEY_DEFAULT_LIFETIME
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is not None and (lifetime is None or lifetime > longest):
        lifetime = longest
    return None if lifetime is None else timezone.now() + lifetime


def _check_expiry(key: APIKey) -> None:
    now = timezone.now()
    if key.expires_at is not None and key.expires_at <= now:
        raise InvalidChange("The expiry must lie in the future.", field="expires_at")
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is not None and (key.expires_at is None or key.expires_at > now + longest + timedelta(minutes=1)):
        raise InvalidChange(
            f"A key lives at most {humanise(longest)} here (KEY_MAX_LIFETIME). Choose an earlier expiry.",
            field="expires_at",
        )


def _check_scopes(key: APIKey, by: Actor) -> None:
    held = held_by(key.principal)
    missing = core_scopes.registry.expand(key.scopes) - held.scopes - held.object_scopes
    if missing:
        who, listed = key.principal.get_username(), ", ".join(sorted(missing))
        raise NotHeld(
            f"{who} does not hold {listed}, so a key of theirs cannot have it. Grant it first.", missing, field="scopes"
        )
    access = delegation.access_of(by)
    if access is not None:
        beyond = core_scopes.registry.expand(key.scopes) - access.scopes - access.object_scopes
        if beyond:
            listed = ", ".join(sorted(beyond))
            raise NotHeld(f"{by.label} does not hold {listed} and so cannot give it.", beyond, field="scopes")


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
    beyond = core_scopes.registry.expand(key.scopes) - access.scopes - access.object_scopes
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


def _add_secret(key: APIKey) -> str:
    made = secrets.make_key(access_settings.KEY_PREFIX)
    APIKeySecret.objects.create(key=key, public_id=made.id, digest=digests.make(made.text, access_settings.PEPPERS))
    return made.text


def _tidy(text: str | Iterable[str]) -> str:
    parts = text.replace(",", " ").split() if isinstance(text, str) else [str(part).strip() for part in text]
    return " ".join(part for part in parts if part)


def _clean(row: models.Model, exclude: frozenset[str] = frozenset()) -> None:
    try:
        row.full_clean(exclude=set(exclude), validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidChange(" ".join(messages), field=name) from None
