"""The audit log's row."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """Who did what, on what, from where, and how it ended. Written by `events.record` only; never changed.

    Names are copied, not linked: the line must stay true when the user or the key is gone. It never holds a secret.
    """

    class Outcome(models.TextChoices):
        SUCCESS = "success", _("success")
        DENIED = "denied", _("denied")
        FAILED = "failed", _("failed")

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    action = models.CharField(_("action"), max_length=40, db_index=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    actor_kind = models.CharField(_("actor's kind"), max_length=20, blank=True)
    actor_id = models.CharField(_("actor's id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=150, blank=True)
    credential_kind = models.CharField(_("credential's kind"), max_length=20, blank=True)
    credential_id = models.CharField(_("credential's id"), max_length=64, blank=True)
    credential_label = models.CharField(_("credential"), max_length=150, blank=True)
    target_kind = models.CharField(_("target's kind"), max_length=40, blank=True)
    target_id = models.CharField(_("target's id"), max_length=64, blank=True)
    target_label = models.CharField(_("target"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    method = models.CharField(_("method"), max_length=10, blank=True)
    path = models.CharField(_("path"), max_length=255, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    count = models.PositiveIntegerField(_("count"), default=1, help_text=_("How many alike came together."))
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["target_kind", "target_id"], name="apiaccess_event_target"),
            models.Index(fields=["credential_kind", "credential_id"], name="apiaccess_event_credential"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome} {self.target_label}".strip()
