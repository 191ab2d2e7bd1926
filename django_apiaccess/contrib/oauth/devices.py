"""Devices that cannot show a browser (RFC 8628): they wait, polling, until a person approved them elsewhere."""

from __future__ import annotations

import secrets as random
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from ...authn.failures import account_bucket, charge, network_bucket, refund
from ...authn.marks import password_mark, password_unchanged
from ...conf import access_settings
from ...core import digests
from ...core.proof import Proof
from ...core.reasons import Reason
from ...core.scopes import dump
from ...events.record import changed, refused
from ...events.source import Actor, Where
from ...events.tags import Action
from ...exceptions import TooManyFailures
from ...tokens.ring import ring
from ...tokens.service import new_sid
from . import codes, consents, granting, issuing, options, single_use
from .errors import OAuthError
from .models import DeviceCode, OAuthClient

PREFIX: Final = "dc"
ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Of user codes: no vowels, so no words, and no digits that look like letters (RFC 8628 section 6.1)."""
LENGTH: Final = 8
INTERVAL: Final = 5
SLOWER: Final = 5
LONGEST_INTERVAL: Final = 300
PURPOSE: Final = "oauth_device"


def start(client: OAuthClient, *, scope: str | None, resources: list[str], jkt: str) -> dict[str, Any]:
    """A device code for the client and the user code that its person types: RFC 8628 section 3.2 without the addresses."""
    if not {"device_code"} & set(client.grant_types.split()) & set(options.grants()):
        raise OAuthError("unauthorized_client", "The client may not use device codes.")
    scopes = granting.requested_scopes(client, scope)
    resource = granting.requested_resource(client, resources)
    lifetime = options.lifetime("DEVICE_CODE_LIFETIME")
    for _ in range(5):
        user_code = "".join(random.choice(ALPHABET) for _ in range(LENGTH))
        try:
            with transaction.atomic():
                _, text = single_use.make(
                    DeviceCode,
                    PREFIX,
                    lifetime=lifetime,
                    client=client,
                    scopes=scopes,
                    resource=resource,
                    dpop_jkt=jkt,
                    interval=INTERVAL,
                    user_code_digest=digests.make(user_code, access_settings.PEPPERS),
                )
        except IntegrityError:  # one of 26 milliards came twice
            continue
        return {
            "device_code": text,
            "user_code": f"{user_code[:4]}-{user_code[4:]}",
            "expires_in": int(lifetime.total_seconds()),
            "interval": INTERVAL,
        }
    raise OAuthError("temporarily_unavailable", "Try again.", 503, {"Retry-After": "1"})


# -- the device's side


def find(text: str) -> DeviceCode | None:
    """The device code with its client and user, in whatever state."""
    return single_use.find(DeviceCode, text, PREFIX, "client", "user")[0]


def is_expired(device: DeviceCode) -> bool:
    """Whether it ran out unused."""
    return device.used_at is None and device.expires_at <= timezone.now()


def decision(device: DeviceCode) -> tuple[Any, bool] | None:
    """Who decided, and whether they approved; None: nobody yet."""
    if device.status == DeviceCode.Status.PENDING and device.used_at is None:
        return None
    return device.user, device.status == DeviceCode.Status.APPROVED


def polled_too_soon(device: DeviceCode) -> bool:
    """Note the question of a device that waits. One that asks too often waits five seconds longer from now on (RFC 8628 section 3.5)."""
    now = timezone.now()
    row = DeviceCode.objects.filter(pk=device.pk)
    due = Q(polled_at=None) | Q(polled_at__lte=now - timedelta(seconds=device.interval))
    if row.filter(due).update(polled_at=now):
        return False
    row.filter(interval__lte=LONGEST_INTERVAL - SLOWER).update(interval=F("interval") + SLOWER)
    row.update(polled_at=now)
    return True


def redeem(device: DeviceCode, client: OAuthClient, *, jkt: str, resources: list[str], where: Where) -> dict[str, Any]:
    """The tokens for an approved device, once. Raises `OAuthError`; a second use ends what the first began."""
    user = device.user
    if device.dpop_jkt and device.dpop_jkt != jkt:
        raise OAuthError("invalid_grant", "The device code is bound to another key.")
    if user is None or not user.is_active:
        raise OAuthError("access_denied", "The account is not active.")
    if not password_unchanged(device.password_mark, user.password):
        raise OAuthError("access_denied", "The password was changed since: approve the device anew.")
    audience = granting.narrowed_resource(device.resource, resources)
    now, sid = timezone.now(), new_sid()
    ring.ready()
    with transaction.atomic():
        mine = single_use.use(device, now, sid=sid)
        if mine:
            session, text = issuing.open_for(client, user, device, sid=sid, jkt=jkt, where=where)
    if not mine:
        codes.spent(device, now, client, where=where)
        raise OAuthError("invalid_grant", "The device code is not valid.")
    tokens = issuing.tokens_of(session, user, text, issuing.proof_of(device), client, jkt=jkt, audience=audience)
    return issuing.body_of(tokens, id_token=issuing.id_token(session, user, tokens))


# -- the person's side


def typed(text: str, user: Any, *, where: Where) -> DeviceCode | None:
    """The device that waits for this user code, as somebody typed it. Wrong codes count against the user and the network (section 5.1).

    Raises `TooManyFailures`.
    """
    buckets = (account_bucket(PURPOSE, str(user.pk)), network_bucket(PURPOSE, where.address))
    wait = charge(*buckets)
    if wait:
        raise TooManyFailures(wait)
    code = "".join(char for char in text.upper()[:64] if char in ALPHABET)
    stored = [digests.make(code, [pepper]) for pepper in access_settings.PEPPERS]
    waiting = DeviceCode.objects.filter(used_at=None, status=DeviceCode.Status.PENDING, expires_at__gt=timezone.now())
    found = waiting.select_related("client").filter(user_code_digest__in=stored, client__is_active=True).first()
    if len(code) != LENGTH or found is None:
        by = Actor.of_user(user, where=where)
        refused(Action.DEVICE_REFUSED, Reason.UNKNOWN, by=by, outcome="failed")
        return None
    refund(*buckets)
    device: DeviceCode = found
    return device


def approve(device: DeviceCode, user: Any, *, scopes: frozenset[str], proof: Proof, where: Where) -> bool:
    """Let the device have it; whether it still waited. With the consent, remembered."""
    by = Actor.of_user(user, where=where)
    with transaction.atomic():
        if not _decide(
            device,
            DeviceCode.Status.APPROVED,
            user,
            scopes=scopes,
            auth_time=proof.auth_time,
            amr=" ".join(proof.amr),
            acr=proof.acr,
            password_mark=password_mark(user),
        ):
            return False
        consents.give(device.client, user, scopes=scopes, resource=device.resource, where=where)
        changed(Action.DEVICE_APPROVED, device, by=by, client=device.client.client_id, scope=dump(scopes))
    return True


def deny(device: DeviceCode, user: Any, *, where: Where) -> bool:
    """Refuse the device; whether it still waited."""
    with transaction.atomic():
        if not _decide(device, DeviceCode.Status.DENIED, user):
            return False
        changed(Action.DEVICE_DENIED, device, by=Actor.of_user(user, where=where), client=device.client.client_id)
    return True


def _decide(device: DeviceCode, status: str, user: Any, **columns: Any) -> bool:
    waiting = DeviceCode.objects.filter(
        pk=device.pk, used_at=None, status=DeviceCode.Status.PENDING, expires_at__gt=timezone.now()
    )
    return bool(waiting.update(status=status, user=user, **columns))
