"""Signing keys, token sessions, refresh tokens, and links to identities of trusted issuers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..roles.fields import ScopesField
from .querysets import SigningKeyQuerySet, TokenSessionQuerySet


class SigningKey(models.Model):
    """A key pair that signs access tokens. Its state follows from the clock, so every worker agrees on it without a message.

    A key is published when it is made, signs from `signs_from` (once caches had time to fetch it) until its successor does, and
    verifies until `verifies_until`, when the last token that it signed is dead.
    """

    class State(models.TextChoices):
        NEXT = "next", _("next")
        ACTIVE = "active", _("active")
        RETIRING = "retiring", _("retiring")
        RETIRED = "retired", _("retired")

    number = models.PositiveIntegerField(_("number"), help_text=_("Each key succeeds the one with the number before."))
    kid = models.CharField(_("key id"), max_length=64)
    algorithm = models.CharField(_("algorithm"), max_length=10)
    public_jwk = models.JSONField(_("public key"))
    sealed_private = models.TextField(editable=False, blank=True)
    created_at = models.DateTimeField(_("published at"), default=timezone.now)
    signs_from = models.DateTimeField(_("signs from"))
    verifies_until = models.DateTimeField(_("verifies until"), null=True, blank=True)
    compromised = models.BooleanField(_("compromised"), default=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ("-number",)
        default_permissions = ("view",)
        permissions = [("rotate_signingkey", "Can rotate signing keys")]
        constraints = [
            # two workers that rotate at once make one key: the second meets the number
            models.UniqueConstraint(fields=["number"], name="apiaccess_signing_key_number"),
            models.UniqueConstraint(fields=["kid"], name="apiaccess_signing_key_kid"),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid}"

    def state(self, at: datetime | None = None) -> SigningKey.State:
        """What the key is good for at a moment (now)."""
        at = at or timezone.now()
        if self.verifies_until is not None and self.verifies_until <= at:
            return self.State.RETIRED
        if self.signs_from > at:
            return self.State.NEXT
        successor = SigningKey.objects.filter(number=self.number + 1).first()
        if self.verifies_until is None or (successor is not None and successor.signs_from > at):
            return self.State.ACTIVE
        return self.State.RETIRING


class TokenSession(models.Model):
    """Where somebody is logged in: the family of access and refresh tokens that began with one authentication.

    `auth_time`, `amr`, `acr` and `scope` are facts of that authentication: refreshing copies them and never renews or widens them.
    """

    sid = models.CharField(_("session id"), max_length=32)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="token_sessions"
    )
    client_id = models.CharField(_("client"), max_length=100)
    scope = ScopesField(_("scopes"), blank=True, default="")
    amr = models.CharField(_("methods"), max_length=100, blank=True)
    acr = models.CharField(_("assurance"), max_length=20, blank=True)
    auth_time = models.DateTimeField(_("authenticated at"))
    password_mark = models.CharField(max_length=64, blank=True, editable=False)
    audience = models.TextField(
        _("audience"), blank=True, default="", help_text=_("Resources that its tokens are for. Empty: this API.")
    )
    dpop_jkt = models.CharField(
        _("bound to key"), max_length=43, blank=True, default="", help_text=_("RFC 7638 thumbprint. Empty: to none.")
    )
    actor = models.JSONField(
        _("actor"), null=True, blank=True, help_text=_("Who acts in the user's place (RFC 8693 act).")
    )
    issued_via = models.CharField(
        _("issued via"), max_length=32, blank=True, default="", help_text=_("The session that it ends with.")
    )
    device = models.CharField(_("device"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_from = models.GenericIPAddressField(_("created from"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    last_used_from = models.GenericIPAddressField(_("last used from"), null=True, blank=True)
    expires_at = models.DateTimeField(_("ends at the latest"))
    revoked_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    revoked_reason = models.CharField(_("reason of ending"), max_length=255, blank=True)

    objects = TokenSessionQuerySet.as_manager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("token session")
        verbose_name_plural = _("token sessions")
        ordering = ("-created_at", "-pk")
        default_permissions = ("view",)
        permissions = [("revoke_tokensession", "Can end token sessions")]
        constraints = [models.UniqueConstraint(fields=["sid"], name="apiaccess_token_session_sid")]
        indexes = [
            models.Index(fields=["user", "revoked_at"], name="apiaccess_session_of_user"),
            models.Index(fields=["client_id", "user"], name="apiaccess_session_of_client"),
            models.Index(fields=["issued_via"], condition=~Q(issued_via=""), name="apiaccess_session_issued_via"),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.device or 'an unknown device'}"


class RefreshToken(models.Model):
    """One refresh token of a session: only its digest. At most one of a session is unused, and the database says so.

    `generation` counts the rotations; 0 is a token that was replaced because its client said it never got it.
    """

    session = models.ForeignKey(TokenSession, on_delete=models.CASCADE, related_name="refresh_tokens")
    public_id = models.CharField(max_length=12)
    digest = models.CharField(max_length=255, editable=False)
    generation = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:
        session_id: int

    class Meta:
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="apiaccess_refresh_public_id"),
            models.UniqueConstraint(fields=["session"], condition=Q(used_at=None), name="apiaccess_refresh_one_live"),
        ]

    def __str__(self) -> str:
        return self.public_id


class LinkedIdentity(models.Model):
    """A subject of a trusted issuer and the user it stands for. Identities are `iss` + `sub`, never an e-mail address."""

    issuer = models.CharField(_("issuer"), max_length=255)
    subject = models.CharField(_("subject"), max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="linked_identities"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("linked identity")
        verbose_name_plural = _("linked identities")
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="apiaccess_linked_identity")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
