"""Second factors, the attempts to prove one, and the devices that are trusted for a while.

Factors are django-otp devices, so everything that asks django-otp whether somebody has one sees them. Passkeys are the models of
django-otp-webauthn.
"""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, DeviceManager

from ..conf import access_settings
from ..core import sealing, secrets

TOTP_PURPOSE: Final = "totp"


def new_id() -> str:
    """An id that tells nothing: 130 random bits in base62."""
    return secrets.base62(random.randbits(130), 22)


class Factor(Device):  # type: ignore[misc]
    """What every factor of ours has. `uid` is its name to the outside."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    confirmed = models.BooleanField(
        _("confirmed"), default=False, help_text=_("Only a factor that its owner proved to have is asked for.")
    )
    uid = models.CharField(_("id"), max_length=22, default=new_id, editable=False)
    created_at = models.DateTimeField(_("added at"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.name or self._meta.verbose_name)


class TOTPFactor(Factor):
    """An authenticator app (RFC 6238). Its seed is sealed under a key outside the database (ASVS 13.3.1)."""

    sealed_key = models.TextField(editable=False)
    step = models.PositiveSmallIntegerField(_("seconds a code lives"), default=30, editable=False)
    t0 = models.BigIntegerField(default=0, editable=False)
    digits = models.PositiveSmallIntegerField(_("digits"), default=6, editable=False)
    tolerance = models.PositiveSmallIntegerField(_("steps of tolerance"), default=1, editable=False)
    drift = models.SmallIntegerField(_("steps of drift"), default=0, editable=False)
    last_t = models.BigIntegerField(default=-1, editable=False)

    objects: models.Manager[TOTPFactor] = DeviceManager()

    class Meta:
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["uid"], name="apiaccess_totp_uid")]

    @property
    def bin_key(self) -> bytes:
        """The seed. Raises `SealError` when it was sealed under a pepper that is not there any more."""
        return sealing.unseal(self.sealed_key, secrets=access_settings.PEPPERS, purpose=TOTP_PURPOSE, row=self.uid)

    def seal(self, key: bytes) -> None:
        """Store a seed; `save` is the caller's."""
        self.sealed_key = sealing.seal(key, secrets=access_settings.PEPPERS, purpose=TOTP_PURPOSE, row=self.uid)

    def verify_token(self, token: Any) -> bool:
        """django-otp's way to ask, for its own forms: right, and for the first time."""
        from .totp import use_code

        return use_code(self, str(token))


class SMSFactor(Factor):
    """A phone number that takes codes by SMS. The weakest factor: whoever takes over the number has it."""

    number = models.CharField(_("number"), max_length=16, editable=False, help_text=_("As E.164."))
    country = models.CharField(_("country"), max_length=2, blank=True, editable=False)

    objects: models.Manager[SMSFactor] = DeviceManager()

    class Meta:
        verbose_name = _("phone")
        verbose_name_plural = _("phones")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["uid"], name="apiaccess_sms_uid"),
            models.UniqueConstraint(
                fields=["user", "number"], condition=models.Q(confirmed=True), name="apiaccess_sms_number_of_user"
            ),
        ]


class RecoveryCode(models.Model):
    """One of the codes for the day when the other factors are lost: a keyed digest, used up once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(_("made at"), default=timezone.now, editable=False)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True, editable=False)

    objects: models.Manager[RecoveryCode] = models.Manager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["digest"], name="apiaccess_recovery_digest")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class MFAChallenge(models.Model):
    """One attempt to prove a factor: what is being proven, by whom, how often it was tried, and what is expected back.

    Its text (`mfa_...`, stored as a digest) opens nothing but this attempt. `state` holds what the browser's answer is compared with, one
    use each; a code that was sent is kept as a keyed digest.
    """

    class Purpose(models.TextChoices):
        LOGIN = "login", _("log-in")
        ENROLMENT = "enrolment", _("enrolment before log-in")
        PASSKEY = "passkey", _("log-in by passkey alone")
        STEP_UP = "step_up", _("step-up")
        REGISTRATION = "registration", _("new factor")

    public_id = models.CharField(max_length=12)
    digest = models.CharField(max_length=255, editable=False)
    purpose = models.CharField(max_length=12, choices=Purpose)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    password_mark = models.CharField(max_length=64, blank=True, editable=False)
    bound_to = models.CharField(max_length=64, blank=True, editable=False)
    """The session that a step-up is for."""
    amr = models.CharField(max_length=100, blank=True)
    acr = models.CharField(max_length=20, blank=True)
    context = models.JSONField(default=dict, blank=True)
    """What the log-in asked for: scopes, device, delivery. Never a secret."""
    attempts = models.PositiveSmallIntegerField(default=0)
    method = models.CharField(max_length=64, blank=True)
    """The id of the phone that `code_digest` belongs to."""
    state = models.JSONField(null=True, blank=True)
    code_digest = models.CharField(max_length=255, blank=True, editable=False)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    proven_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    objects: models.Manager[MFAChallenge] = models.Manager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("MFA challenge")
        verbose_name_plural = _("MFA challenges")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["public_id"], name="apiaccess_mfa_challenge_public_id")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.public_id}"


class TrustedDevice(models.Model):
    """A browser on which its owner proved a second factor and asked not to be asked at every log-in. It skips that one question only.

    `mark` ties it to the password and to the factors of that moment: when either changes it is trusted no more.
    """

    public_id = models.CharField(max_length=12)
    digest = models.CharField(max_length=255, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    mark = models.CharField(max_length=64, editable=False)
    name = models.CharField(_("name"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("trusted since"), default=timezone.now)
    created_from = models.GenericIPAddressField(_("trusted from"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("trusted until"))
    revoked_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects: models.Manager[TrustedDevice] = models.Manager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("trusted device")
        verbose_name_plural = _("trusted devices")
        default_permissions = ("view",)
        permissions = [("revoke_trusteddevice", "Can end the trust in devices")]
        constraints = [models.UniqueConstraint(fields=["public_id"], name="apiaccess_trusted_public_id")]

    def __str__(self) -> str:
        return self.name or "an unknown device"


class MFADuty(models.Model):
    """Since when somebody must have a second factor: the grace period to enrol counts from here."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(_("since"), default=timezone.now)

    objects: models.Manager[MFADuty] = models.Manager()

    class Meta:
        verbose_name = _("duty to enrol")
        verbose_name_plural = _("duties to enrol")
        default_permissions = ()
        permissions = [
            ("view_second_factors", "Can see who has which second factors"),
            ("reset_second_factors", "Can reset the second factors of others"),
        ]

    def __str__(self) -> str:
        return f"{self.user} since {self.since:%Y-%m-%d}"
