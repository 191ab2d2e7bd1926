"""A request for a key, or for more on a key: asked for by one person, decided by another, claimed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...roles.fields import ScopesField
from ...roles.querysets import FromPrimary
from .querysets import KeyRequestQuerySet


class KeyRequest(models.Model):
    """What was asked for, in the columns of a key; why; and who decided what. Changed only by conditional updates of `status`."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")
        CLAIMED = "claimed", _("claimed")
        EXPIRED = "expired", _("expired")
        """Never stored: what a request is shown as that nobody decided on, or that nobody claimed, in time."""

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING, editable=False)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("requester"), on_delete=models.CASCADE, related_name="key_requests"
    )
    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("principal"), on_delete=models.CASCADE, related_name="+"
    )
    key = models.ForeignKey(
        "django_apiaccess.APIKey",
        verbose_name=_("key"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="requests",
        help_text=_("The key that is to do more, or the one that was made."),
    )
    before = models.JSONField(_("before"), null=True, blank=True)
    """How the key was when more was asked for; None: a new key is asked for."""
    via = models.ForeignKey(
        "django_apiaccess.APIKey",
        verbose_name=_("asked for with"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
    )
    name = models.CharField(_("name"), max_length=100)
    scopes = ScopesField(_("scopes"), blank=True, default="")
    networks = models.TextField(_("networks"), blank=True)
    origins = models.TextField(_("origins"), blank=True)
    rate = models.CharField(_("rate"), max_length=30, blank=True)
    dpop_jkt = models.CharField(_("bound key"), max_length=43, blank=True)
    on_leak = models.CharField(_("when it leaks"), max_length=10, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    justification = models.CharField(_("justification"), max_length=1000)
    requested_at = models.DateTimeField(_("requested at"), default=timezone.now)
    decide_by = models.DateTimeField(_("decide by"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    claim_by = models.DateTimeField(_("claim by"), null=True, blank=True)
    claimed_at = models.DateTimeField(_("claimed at"), null=True, blank=True)

    objects = FromPrimary.from_queryset(KeyRequestQuerySet)()

    if TYPE_CHECKING:
        requester_id: Any
        principal_id: Any
        key_id: int | None
        via_id: int | None
        decided_by_id: Any

    class Meta:
        verbose_name = _("key request")
        verbose_name_plural = _("key requests")
        ordering = ("-requested_at", "-pk")
        default_permissions = ("view",)
        permissions = [("approve_keyrequest", "Can approve or refuse requests for API keys")]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requester")) & ~Q(decided_by=F("principal")),
                name="apiaccess_request_four_eyes",
            ),
        ]
        indexes = [
            models.Index(fields=["decide_by"], condition=Q(status="pending"), name="apiaccess_request_waiting"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> KeyRequest.Status:
        """The status now: what was not decided or claimed in time has expired."""
        status = self.Status(self.status)
        end = {self.Status.PENDING: self.decide_by, self.Status.APPROVED: self.claim_by}.get(status)
        return self.Status.EXPIRED if end is not None and end <= timezone.now() else status

    @property
    def widens(self) -> bool:
        """Whether more is asked for on a key that there is."""
        return self.before is not None
