"""Adding, renaming and removing factors. Whether the one who asks has proven enough for that, the caller decides (`freshness`).

`further` says that a factor which the user has was proven: whoever proved a password alone adds the first one only, and of several who do
so at once one succeeds. Long because each kind of factor begins and ends in its own way: short functions, one kind after another.
"""

from __future__ import annotations

import secrets as random
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, transaction
from django.db.models import F
from django.utils import timezone

from .. import notifications
from ..authn.client import where_of
from ..authn.failures import account_bucket, charge, forget
from ..conf import access_settings
from ..core.proof import Proof
from ..core.reasons import Reason
from ..core.secrets import SecretText
from ..events.record import changed, refused
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, TooManyFailures
from ..sms import parse_number
from . import challenges, policy, recovery, service, sms_codes, totp, webauthn
from .errors import FactorExists, InvalidChallenge, LastFactor, NoSuchMethod, WrongCode
from .methods import FactorRef, method_named
from .models import MFAChallenge, SMSFactor, TOTPFactor

SEED_BYTES: Final = 20
"""160 bits, as RFC 4226 section 4 recommends."""
LIFETIME: Final = timedelta(minutes=10)
MOST: Final = 10
"""Factors of one type that a user may have."""
MAX_NAME: Final = 64
REGISTRATION: Final = MFAChallenge.Purpose.REGISTRATION
ALONE: Final = "Recovery codes stand in for another factor: add an authenticator app, a passkey or a phone first."


@dataclass(frozen=True, slots=True)
class NewTOTP:
    """An authenticator app that is not confirmed yet. `secret` and `uri` are shown now and never again."""

    id: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)


def begin_totp(user: Any, *, name: str = "") -> NewTOTP:
    """A new seed for an authenticator app. One that was begun before and never confirmed is dropped."""
    _require_enabled("totp")
    key = random.token_bytes(SEED_BYTES)
    with transaction.atomic():
        _room_for_one_more(TOTPFactor, user)
        device = TOTPFactor(user=user, name=_name(name, "Authenticator app"))
        device.seal(key)
        device.save()
    secret = b32encode(key).decode().rstrip("=")
    return NewTOTP(device.uid, SecretText(secret), SecretText(otpauth_uri(user, secret)))


def otpauth_uri(user: Any, secret: str) -> str:
    """The Key URI that authenticator apps read from a QR code."""
    issuer = (access_settings.MFA["NAME"] or "API").replace(":", " ")
    label = quote(f"{issuer}:{user.get_username()}", safe="@:")
    parameters = {"secret": secret, "issuer": issuer, "algorithm": "SHA1", "digits": "6", "period": "30"}
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


def confirm_totp(user: Any, factor_id: str, code: str, *, request: Any, further: bool = False) -> FactorRef:
    """Confirm an authenticator app by a code of it. Raises `NoSuchMethod`, `WrongCode`, `TooManyFailures` or `FactorExists`."""
    device = TOTPFactor.objects.filter(user=user, uid=_id(factor_id), confirmed=False).first()
    if device is None or device.created_at < timezone.now() - LIFETIME:
        raise NoSuchMethod("There is no such authenticator app to confirm. Begin again.")
    bucket = account_bucket("enrolment", f"{user.pk}|{device.uid}")
    wait = charge(bucket)
    if wait:
        raise TooManyFailures(wait)
    if not totp.use_code(device, code):
        refused(
            Action.MFA_REFUSED,
            Reason.WRONG_CODE,
            by=Actor.of_user(user, where=where_of(request)),
            outcome="failed",
            method="totp",
        )
        raise WrongCode
    forget(bucket)
    return _confirm(device, totp.ref, user, request, further=further)


def begin_sms(user: Any, number: str, *, name: str = "", request: Any) -> FactorRef:
    """Send a code to a new number. Raises `InvalidChange` (the number), `SendingLimited` or `NotSent`."""
    _require_enabled("sms")
    parsed = parse_number(number)
    if SMSFactor.objects.filter(user=user, number=parsed.e164, confirmed=True).exists():
        raise InvalidChange("This number is set up already.", field="number")
    with transaction.atomic():
        _room_for_one_more(SMSFactor, user)
        device = SMSFactor.objects.create(
            user=user, name=_name(name, "Phone"), number=parsed.e164, country=parsed.country or ""
        )
    _, challenge = challenges.begin(REGISTRATION, user, lifetime=LIFETIME)
    try:
        sms_codes.send_code(challenge, device, request)
    except Exception:
        device.delete()
        raise
    return sms_codes.ref(device)


def confirm_sms(user: Any, factor_id: str, code: str, *, request: Any, further: bool = False) -> FactorRef:
    """Confirm a phone by the code that it got.

    Raises `NoSuchMethod`, `InvalidChallenge` (tried too often, too late), `WrongCode` or `FactorExists`.
    """
    device = SMSFactor.objects.filter(user=user, uid=_id(factor_id), confirmed=False).first()
    challenge = (
        MFAChallenge.objects.filter(user=user, purpose=REGISTRATION, method=_id(factor_id), used_at=None)
        .order_by("-pk")
        .first()
    )
    if device is None or challenge is None:
        raise NoSuchMethod("There is no such phone to confirm. Begin again.")
    challenges.admit(challenge)
    if not sms_codes.use_code(challenge, device, code):
        refused(
            Action.MFA_REFUSED,
            Reason.WRONG_CODE,
            by=Actor.of_user(user, where=where_of(request)),
            outcome="failed",
            method="sms",
        )
        raise WrongCode
    return _confirm(device, sms_codes.ref, user, request, further=further)


def begin_webauthn(user: Any, *, request: Any) -> tuple[str, dict[str, Any]]:
    """The id of a registration and the options for `navigator.credentials.create`."""
    _require_enabled("webauthn")
    _room_for_one_more_passkey(user)
    _, challenge = challenges.begin(REGISTRATION, user, lifetime=LIFETIME)
    return challenge.public_id, webauthn.begin_registration(challenge, request)["options"]


def confirm_webauthn(
    user: Any, registration: str, answer: Any, *, name: str = "", request: Any, further: bool = False
) -> FactorRef:
    """Store the passkey that the browser made. Raises `InvalidChallenge`, `WrongCode` or `FactorExists`."""
    found = MFAChallenge.objects.select_related("user").filter(
        user=user, purpose=REGISTRATION, public_id=_id(registration), expires_at__gt=timezone.now()
    )
    challenge = found.first()
    if challenge is None:
        raise InvalidChallenge("This registration is over. Begin again.")
    _room_for_one_more_passkey(user)
    if not further and policy.has_second_factor(user):
        raise FactorExists
    made = webauthn.ref(webauthn.register(challenge, answer, _name(name, "Passkey"), request))
    with transaction.atomic():
        lock_user(user)
        if further or not policy.has_second_factor(user, but=made.device):
            _added(made, user, request)
            return made
        made.device.delete()
    raise FactorExists


def make_recovery_codes(user: Any, *, request: Any) -> list[str]:
    """Ten new recovery codes; those of before are dead. Raises `InvalidChange` without another factor: alone they are none."""
    _require_enabled("recovery")
    if not _primary(user):
        raise InvalidChange(ALONE)
    with transaction.atomic():
        lock_user(user)  # of sets that are made at once the last one counts
        codes = recovery.make(user)
        changed(Action.RECOVERY_CODES_MADE, user, by=Actor.of_user(user, where=where_of(request)))
        notifications.notify(user, "recovery_codes_made", {"address": where_of(request).address})
    return codes


def rename(user: Any, factor_id: str, name: str, *, by: Actor) -> FactorRef:
    """Give one of the user's factors another name."""
    factor = _own(user, factor_id)
    wanted = _name(name, "")
    if not wanted:
        raise InvalidChange("Write a name.", field="name")
    way = method_named(factor.type)
    assert way is not None
    with transaction.atomic():
        way.rename(factor, wanted)
        changed(Action.FACTOR_RENAMED, user, by=by, factor=factor.id, method=factor.type)
    return _own(user, factor_id)


def remove(user: Any, factor_id: str, *, by: Actor) -> None:
    """Take a factor away; with the last one the recovery codes go. Raises `NoSuchMethod`, or `LastFactor` where the policy wants one."""
    with transaction.atomic():
        lock_user(user)
        factor = _own(user, factor_id)
        _take_away(user, factor)
        left = _primary(user)
        if not left and factor.type != "recovery" and policy.is_required(user):
            raise LastFactor
        if not left:
            recovery.forget(user)
            webauthn.forget_suspended(user)
        changed(Action.FACTOR_REMOVED, user, by=by, factor=factor.id, method=factor.type, name=factor.name)
        notifications.notify(
            user, "factor_removed", {"type": factor.type, "name": factor.name, "address": by.where.address}
        )


def remove_all(user: Any) -> list[FactorRef]:
    """Take every factor away, unconfirmed ones and those of other django-otp plugins too. Returns what there was. In a transaction."""
    from django_otp import device_classes

    found = service.choices(user)
    for model in device_classes():
        model._default_manager.filter(user=user).delete()
    recovery.forget(user)
    return found


def lock_user(user: Any) -> None:
    """Let simultaneous changes of one user's factors wait for each other. In a transaction, as its first statement.

    SQLite locks no rows: there a write that changes nothing makes the others wait.
    """
    model = get_user_model()
    mine = model._base_manager.filter(pk=user.pk)
    if connections[mine.db].features.has_select_for_update:
        list(mine.select_for_update(no_key=True).values_list("pk"))
    else:
        mine.update(**{model.USERNAME_FIELD: F(model.USERNAME_FIELD)})


def qr_svg(uri: str) -> str:
    """The QR code of a Key URI, as an SVG text that stands by itself."""
    import segno

    return str(segno.make(uri, error="m").svg_inline(scale=5, border=3, light="#fff", dark="#000"))


def proof_of(factor: FactorRef, before: Proof) -> Proof:
    """What confirming a new factor proves, beside what was proven before: that its owner has it now."""
    amr, acr = {"totp": (totp.AMR, totp.ACR), "sms": (sms_codes.AMR, sms_codes.ACR)}.get(
        factor.type, (("swk", "user"), webauthn.ACR)
    )
    if factor.type == "webauthn" and not factor.device.backup_eligible:
        amr = ("hwk", "user")
    return before.also(amr, acr, timezone.now())


def _take_away(user: Any, factor: FactorRef) -> None:
    if factor.type == "recovery":
        recovery.forget(user)
        return
    way = method_named(factor.type)
    assert way is not None
    way.remove(factor)


def _confirm(device: Any, as_ref: Any, user: Any, request: Any, *, further: bool) -> FactorRef:
    model = type(device)
    try:
        with transaction.atomic():
            lock_user(user)
            if not further and policy.has_second_factor(user):
                raise FactorExists
            if not model.objects.filter(pk=device.pk, confirmed=False).update(confirmed=True):
                raise InvalidChallenge("It was confirmed already.")
            factor: FactorRef = as_ref(device)
            _added(factor, user, request)
    except IntegrityError:
        raise InvalidChange("This number is set up already.", field="number") from None
    return factor


def _added(factor: FactorRef, user: Any, request: Any) -> None:
    where = where_of(request)
    with transaction.atomic():
        changed(
            Action.FACTOR_ADDED,
            user,
            by=Actor.of_user(user, where=where),
            factor=factor.id,
            method=factor.type,
            name=factor.name,
        )
        notifications.notify(user, "factor_added", {"type": factor.type, "name": factor.name, "address": where.address})


def _own(user: Any, factor_id: str) -> FactorRef:
    found = [factor for factor in service.choices(user) if factor.id == factor_id]
    if not found:
        raise NoSuchMethod("You have no such factor.")
    return found[0]


def _primary(user: Any) -> list[FactorRef]:
    return [factor for factor in service.choices(user) if factor.type != "recovery"]


def _require_enabled(name: str) -> None:
    if method_named(name) is None:
        raise NoSuchMethod(f"The method {name} is not enabled here.")


def _room_for_one_more(model: Any, user: Any) -> None:
    lock_user(user)
    model.objects.filter(user=user, confirmed=False).delete()
    if model.objects.filter(user=user).count() >= MOST:
        raise InvalidChange(f"There are {MOST} of this type already: remove one first.")


def _room_for_one_more_passkey(user: Any) -> None:
    if len(webauthn.WebAuthnMethod().factors(user)) >= MOST:
        raise InvalidChange(f"There are {MOST} passkeys already: remove one first.")


def _name(name: str, otherwise: str) -> str:
    return "".join(filter(str.isprintable, name)).strip()[:MAX_NAME] or otherwise


def _id(text: str) -> str:
    """An id of an address, as every database takes it: PostgreSQL knows no NUL."""
    return text.replace("\0", "")
