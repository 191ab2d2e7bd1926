"""The memory of reminders: what was said to whom, so that nothing is said twice and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..roles.querysets import FromPrimary


class Reminder(models.Model):
    """One stage of one credential. The row is made once, whichever worker comes first; who leases it sends the e-mail.

    `about` is the moment that the stage is counted from: the end, or the last use. Where that moves, the stages begin anew.
    """

    subject_kind = models.CharField(_("kind"), max_length=20)
    subject_id = models.CharField(_("id"), max_length=64)
    label = models.CharField(_("what"), max_length=200)
    stage = models.CharField(_("stage"), max_length=20, help_text=_("How long before the end, or inactive."))
    about = models.DateTimeField(_("counted from"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text=_("Who is told. None: nobody answers for it."),
    )
    created_at = models.DateTimeField(_("due since"), default=timezone.now)
    announced_at = models.DateTimeField(null=True)
    """When the signal was sent."""
    lease = models.CharField(max_length=32, blank=True, default="")
    leased_at = models.DateTimeField(null=True)
    """Since when a run is sending it; a run that died gives it back after a while."""
    sent_at = models.DateTimeField(_("sent at"), null=True)

    objects = FromPrimary()

    if TYPE_CHECKING:
        owner_id: Any

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ("-created_at", "-pk")
        default_permissions = ("view",)
        permissions = [("take_credential_report", "Can take the credential report")]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "stage", "about"], name="apiaccess_reminder_once"
            )
        ]
        indexes = [models.Index(fields=["owner"], condition=models.Q(sent_at=None), name="apiaccess_reminder_unsent")]

    def __str__(self) -> str:
        return f"{self.label}: {self.stage}"
