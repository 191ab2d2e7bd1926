"""What earlier audits found."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditRun(models.Model):
    """One run of the whole security audit, as it was kept for the dashboard: how many findings of each severity, and the worst of them.

    `findings` holds plain data as the JSON report does, the worst first, at most `MOST` of them; `left_out` says how many more there were.
    """

    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    by = models.CharField(_("run by"), max_length=150, blank=True)
    seconds = models.FloatField(_("seconds"), default=0)
    counts = models.JSONField(_("findings by severity"), default=dict)
    ignored = models.PositiveIntegerField(_("accepted"), default=0)
    findings = models.JSONField(_("findings"), default=list)
    left_out = models.PositiveIntegerField(_("findings left out"), default=0)

    class Meta:
        verbose_name = _("security audit")
        verbose_name_plural = _("security dashboard")
        ordering = ("-at", "-pk")
        default_permissions = ("view", "add")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.at):%Y-%m-%d %H:%M}"
