"""Clients and their secrets, consents, and the codes of the grants: each code only as a keyed digest, each used once.

Long because it is a list: one class a table. Sessions and tokens are those of the core app: `TokenSession.client_id` is a client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...roles.querysets import FromPrimary
from .fields import (
    ClientScopesField,
    validate_audiences,
    validate_client_id,
    validate_grant_types,
    validate_https,
    validate_redirect_uris,
)
from .querysets import ClientSecretQuerySet, ConsentQuerySet


class OAuthClient(models.Model):
    """An application that asks for tokens (RFC 6749 section 2), and what it may ask for."""

    class AuthMethod(models.TextChoices):
        NONE = "none", _("none: a public client")
        BASIC = "client_secret_basic", _("secret, in the Authorization header")
        POST = "client_secret_post", _("secret, in the body")
        PRIVATE_KEY = "private_key_jwt", _("signed assertion")

    class Origin(models.TextChoices):
        MANUAL = "manual", _("registered here")
        DYNAMIC = "dynamic", _("registered itself")
        IMPORTED = "imported", _("taken over")

    client_id = models.CharField(_("client id"), max_length=100, validators=[validate_client_id])
    name = models.CharField(_("name"), max_length=100, help_text=_("What people read on the consent page."))
    description = models.CharField(_("description"), max_length=255, blank=True)
    logo_uri = models.URLField(_("logo"), max_length=500, blank=True, validators=[validate_https])
    homepage = models.URLField(_("homepage"), max_length=500, blank=True, validators=[validate_https])
    policy_uri = models.URLField(_("privacy policy"), max_length=500, blank=True, validators=[validate_https])
    tos_uri = models.URLField(_("terms of service"), max_length=500, blank=True, validators=[validate_https])
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="oauth_clients",
        help_text=_("The person who answers for it."),
    )
    redirect_uris = models.TextField(
        _("redirect URIs"),
        blank=True,
        validators=[validate_redirect_uris],
        help_text=_("Where it may be returned to, one a line; compared character by character."),
    )
    grant_types = models.TextField(_("grants"), blank=True, validators=[validate_grant_types])
    scopes = ClientScopesField(_("scopes"), blank=True, default="", help_text=_("What it may ask for at most."))
    default_scopes = ClientScopesField(
        _("default scopes"), blank=True, default="", help_text=_("When it asks for none. Empty: all that it may.")
    )
    audiences = models.TextField(
        _("further resources"),
        blank=True,
        validators=[validate_audiences],
        help_text=_("Resources besides this API for which it may have tokens, separated by spaces."),
    )
    auth_method = models.CharField(_("authentication"), max_length=30, choices=AuthMethod, default=AuthMethod.BASIC)
    jwks = models.JSONField(_("public keys"), null=True, blank=True)
    jwks_uri = models.URLField(_("address of its public keys"), max_length=500, blank=True, validators=[validate_https])
    access_token_lifetime = models.DurationField(
        _("life of an access token"), null=True, blank=True, help_text=_("It can only be shorter than the setting.")
    )
    session_lifetime = models.DurationField(
        _("life of an authorization"), null=True, blank=True, help_text=_("However often it is refreshed.")
    )
    dpop_required = models.BooleanField(
        _("must bind its tokens to a key"), default=False, help_text=_("RFC 9449, DPoP.")
    )
    par_required = models.BooleanField(_("must push its requests"), default=False, help_text=_("RFC 9126, PAR."))
    may_introspect = models.BooleanField(
        _("may inspect tokens"), default=False, help_text=_("Of its own resources (RFC 7662).")
    )
    trusted = models.BooleanField(
        _("trusted"), default=False, help_text=_("It is ours: nobody is asked for consent. Never for a public client.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    service_account = models.OneToOneField(
        "django_apiaccess.ServiceAccount",
        verbose_name=_("service account"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="oauth_client",
        help_text=_("Whom it speaks for when it speaks for nobody else (client credentials)."),
    )
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.MANUAL, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    controlled_at = models.DateTimeField(_("control changed at"), null=True, blank=True, editable=False)
    """When it last may have come into other hands: what people allowed before, they are asked for again."""

    objects = FromPrimary()

    if TYPE_CHECKING:
        owner_id: Any
        service_account_id: int | None

    class Meta:
        verbose_name = _("OAuth client")
        verbose_name_plural = _("OAuth clients")
        ordering = ("name", "pk")
        permissions = [("rotate_oauthclient", "Can rotate the secret of an OAuth client")]
        constraints = [
            models.UniqueConstraint(fields=["client_id"], name="apiaccess_oauth_client_id"),
            models.CheckConstraint(
                condition=~Q(trusted=True, auth_method="none"),
                name="apiaccess_oauth_trusted_has_proof",
                violation_error_message=_("Anybody can pretend to be a public client: it cannot be trusted."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret, so that nothing proves that it is itself (RFC 6749 section 2.1)."""
        return self.auth_method == self.AuthMethod.NONE


class ClientSecret(models.Model):
    """One secret of a client: only its digest. The current one has no `retired_at`; a replaced one opens until `expires_at`.

    `public_id` of a secret that was taken over from another package has the form `package:identifier`.
    """

    client = models.ForeignKey(OAuthClient, verbose_name=_("client"), on_delete=models.CASCADE, related_name="secrets")
    public_id = models.CharField(_("public id"), max_length=120)
    digest = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True, editable=False)

    objects = FromPrimary.from_queryset(ClientSecretQuerySet)()

    if TYPE_CHECKING:
        client_id: int

    class Meta:
        verbose_name = _("secret of an OAuth client")
        verbose_name_plural = _("secrets of OAuth clients")
        ordering = ("-created_at", "-pk")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="apiaccess_oauth_secret_id"),
            models.UniqueConstraint(
                fields=["client"], condition=Q(retired_at=None), name="apiaccess_oauth_secret_current"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Consent(models.Model):
    """What a person allowed a client, and since when. Revoking it ends every session of the two (`consents.revoke`)."""

    client = models.ForeignKey(OAuthClient, verbose_name=_("client"), on_delete=models.CASCADE, related_name="consents")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="oauth_consents"
    )
    scopes = ClientScopesField(_("scopes"), blank=True, default="")
    resource = models.TextField(_("resources"), blank=True, default="", help_text=_("Empty: this API."))
    terms = models.JSONField(default=dict, editable=False)
    """The scopes by the resources that they were allowed at: what another request must ask again for."""
    granted_at = models.DateTimeField(_("granted at"), default=timezone.now)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_reason = models.CharField(_("reason"), max_length=255, blank=True)

    objects = FromPrimary.from_queryset(ConsentQuerySet)()

    if TYPE_CHECKING:
        client_id: int
        user_id: Any

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ("-granted_at", "-pk")
        default_permissions = ("view",)
        permissions = [("revoke_consent", "Can revoke consents")]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "user"], condition=Q(revoked_at=None), name="apiaccess_oauth_consent_live"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} to {self.client}"


class SingleUse(models.Model):
    """What a client presents once: found by its public id, proved by the digest, used up by one conditional UPDATE."""

    public_id = models.CharField(max_length=12)
    digest = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    objects = FromPrimary()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.public_id


class Approval(models.Model):
    """What a person approved, and how they had proved who they are: what the tokens will say."""

    scopes = ClientScopesField(blank=True, default="")
    resource = models.TextField(blank=True, default="")
    auth_time = models.DateTimeField(null=True, blank=True)
    amr = models.CharField(max_length=100, blank=True)
    acr = models.CharField(max_length=20, blank=True)
    nonce = models.CharField(max_length=500, blank=True)
    dpop_jkt = models.CharField(max_length=43, blank=True)
    password_mark = models.CharField(max_length=64, blank=True, editable=False)
    """Of the password that the person had: what was approved before it changed is worth nothing after."""
    sid = models.CharField(max_length=32, blank=True)
    """The session that it became: what ends when it is presented again."""

    class Meta:
        abstract = True


class AuthorizationCode(SingleUse, Approval):
    """The code that a browser carries back to a client (RFC 6749 section 4.1)."""

    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="codes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    redirect_uri = models.TextField(blank=True)
    """As it stood in the request; empty where the request had none, because one alone is registered."""
    code_challenge = models.CharField(max_length=43)

    if TYPE_CHECKING:
        client_id: int
        user_id: Any

    class Meta:
        verbose_name = _("authorization code")
        verbose_name_plural = _("authorization codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["public_id"], name="apiaccess_oauth_code_id")]


class DeviceCode(SingleUse, Approval):
    """A device that waits for a person to approve it in a browser (RFC 8628)."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")

    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="device_codes")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    user_code_digest = models.CharField(max_length=255, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    interval = models.PositiveSmallIntegerField(default=5)
    """Seconds between two questions of the device; it grows when the device asks more often."""
    polled_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:
        client_id: int
        user_id: Any

    class Meta:
        verbose_name = _("device code")
        verbose_name_plural = _("device codes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="apiaccess_oauth_device_id"),
            models.UniqueConstraint(fields=["user_code_digest"], name="apiaccess_oauth_user_code"),
        ]


class PushedRequest(SingleUse):
    """An authorization request that a client sent here directly (RFC 9126)."""

    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="pushed_requests")
    query = models.TextField()
    """Its parameters, form-encoded: `state` may hold bytes that no text has."""

    if TYPE_CHECKING:
        client_id: int

    class Meta:
        verbose_name = _("pushed request")
        verbose_name_plural = _("pushed requests")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["public_id"], name="apiaccess_oauth_pushed_id")]


class ClientAssertion(models.Model):
    """The `jti` of a client's assertion that was seen: it is not taken again (RFC 7523 section 3)."""

    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="assertions")
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    objects = FromPrimary()

    class Meta:
        verbose_name = _("client assertion")
        verbose_name_plural = _("client assertions")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["client", "digest"], name="apiaccess_oauth_assertion_once")]

    def __str__(self) -> str:
        return self.digest[:12]
