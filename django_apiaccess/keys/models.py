"""API keys: an identity that stays, and secrets that change. Service accounts: principals that are no people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..core.addresses import parse_networks
from ..core.origins import parse_origins
from ..core.rates import parse_rate
from ..roles.fields import ScopesField
from ..roles.querysets import FromPrimary
from .querysets import APIKeyQuerySet, APIKeySecretQuerySet


def validate_networks(text: str) -> None:
    _validate(parse_networks, text)


def validate_origins(text: str) -> None:
    _validate(parse_origins, text)


def validate_rate(text: str) -> None:
    _validate(parse_rate, text)


def _validate(parse: Any, text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class ServiceAccount(models.Model):
    """A principal that no person can log in as: a program, with an owner who answers for it and a purpose.

    It is a row beside a Django user, so that permissions, groups, grants and foreign keys to the user work unchanged.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="service_account"
    )
    name = models.CharField(_("name"), max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="owned_service_accounts",
        help_text=_("The person who answers for it."),
    )
    purpose = models.CharField(_("purpose"), max_length=255)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = FromPrimary()

    class Meta:
        verbose_name = _("service account")
        verbose_name_plural = _("service accounts")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["name"], name="apiaccess_service_account_name")]

    def __str__(self) -> str:
        return self.name


class APIKey(models.Model):
    """A key's identity: whose it is, what it may be used for, from where, how often, and what became of it."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    name = models.CharField(_("name"), max_length=100, help_text=_("What it is for, so that others know later."))
    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("principal"),
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text=_("The person or service account that it speaks for."),
    )
    scopes = ScopesField(_("scopes"), blank=True, default="", help_text=_("What it may be used for. None: nothing."))
    networks = models.TextField(
        _("networks"),
        blank=True,
        validators=[validate_networks],
        help_text=_("Addresses it may be used from, as 203.0.113.0/24, separated by spaces. Empty: any."),
    )
    scopes_since = models.DateTimeField(
        _("scopes since"),
        default=timezone.now,
        editable=False,
        help_text=_("Since when it has all of them, and their use is recorded."),
    )
    origins = models.TextField(
        _("origins"),
        blank=True,
        validators=[validate_origins],
        help_text=_(
            "Web origins it may be used from, as https://shop.example. Empty: any. Only browsers tell the truth here."
        ),
    )
    rate = models.CharField(
        _("rate"),
        max_length=30,
        blank=True,
        validators=[validate_rate],
        help_text=_("As 100/min. Empty: no limit of its own."),
    )
    dpop_jkt = models.CharField(
        _("bound key"),
        max_length=43,
        blank=True,
        default="",
        editable=False,
        help_text=_("Thumbprint (RFC 7638) of the public key whose proof must come with it. Empty: none."),
    )
    on_leak = models.CharField(
        _("when it leaks"),
        max_length=10,
        blank=True,
        default="",
        choices=[("revoke", _("revoke it")), ("retire", _("retire it soon")), ("notify", _("tell its owner"))],
        help_text=_("What becomes of it when its text is found in public. Empty: as the settings say."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    issued_via = models.ForeignKey(
        "self",
        verbose_name=_("issued via"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="issued",
        help_text=_("The key that asked for this one. It can do no more and lives no longer than that key."),
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True, db_index=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    revoked_reason = models.CharField(_("reason of revocation"), max_length=255, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(_("last used from"), null=True, blank=True, editable=False)
    use_count = models.PositiveBigIntegerField(_("uses"), default=0, editable=False)

    objects = FromPrimary.from_queryset(APIKeyQuerySet)()

    if TYPE_CHECKING:
        principal_id: Any
        created_by_id: Any
        issued_via_id: int | None

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at", "-pk")
        permissions = [
            ("rotate_apikey", "Can rotate API key"),
            ("revoke_apikey", "Can revoke API key"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> APIKey.Status:
        if self.revoked_at is not None:
            return self.Status.REVOKED
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return self.Status.EXPIRED
        return self.Status.ACTIVE


class APIKeySecret(models.Model):
    """One secret of a key: only its digest. The current one has no `retired_at`; a retired one lives until `expires_at`.

    `public_id` is what the key's text shows and what the request's look-up finds. For keys taken over from another package
    it has the form `package:identifier`.
    """

    key = models.ForeignKey(APIKey, verbose_name=_("key"), on_delete=models.CASCADE, related_name="secrets")
    public_id = models.CharField(_("public id"), max_length=64)
    digest = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    leaked_at = models.DateTimeField(_("leaked at"), null=True, blank=True, editable=False)
    """When its text was first reported as leaked, by somebody who had it."""

    objects = FromPrimary.from_queryset(APIKeySecretQuerySet)()

    if TYPE_CHECKING:
        key_id: int

    class Meta:
        verbose_name = _("secret of an API key")
        verbose_name_plural = _("secrets of API keys")
        ordering = ("-created_at", "-pk")
        default_permissions = ("view",)
        constraints = [
            # not unique=True on the field: Django would add a second index for LIKE
            models.UniqueConstraint(fields=["public_id"], name="apiaccess_secret_public_id"),
            models.UniqueConstraint(fields=["key"], condition=Q(retired_at=None), name="apiaccess_secret_one_current"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_legacy(self) -> bool:
        """Whether the text was made by another package."""
        return ":" in self.public_id


class ScopeUse(models.Model):
    """That a request with the key was let in because of a scope: the first and the last day (UTC) on which it was. See `keys.scope_use`."""

    key = models.ForeignKey(
        APIKey, verbose_name=_("key"), on_delete=models.CASCADE, related_name="scope_uses", db_index=False
    )
    scope = models.CharField(_("scope"), max_length=100)
    first_on = models.DateField(_("first used on"))
    last_on = models.DateField(_("last used on"))

    objects = FromPrimary()

    if TYPE_CHECKING:
        key_id: int

    class Meta:
        verbose_name = _("use of a scope")
        verbose_name_plural = _("uses of scopes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "scope"], name="apiaccess_scope_use_once")]

    def __str__(self) -> str:
        return f"{self.scope} until {self.last_on}"
