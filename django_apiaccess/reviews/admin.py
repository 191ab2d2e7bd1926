"""The credential report as a download, and the reminders that were sent."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import AccessModelAdmin, GoesWithItsUser, ReadOnly
from ..adminkit.html import exact, moment
from ..authn.admin import actor_of
from . import report
from .models import Reminder
from .writers import FORMATS

PERMISSION: Final = "django_apiaccess.take_credential_report"


@admin.register(Reminder)
class ReminderAdmin(GoesWithItsUser, ReadOnly, AccessModelAdmin):
    """What owners were told, and the report beside it: both are what a review begins with."""

    list_display = ("label", "subject_kind", "stage", "counted_from", "owner", "sent")
    list_filter = ("stage", "subject_kind")
    list_select_related = ("owner",)
    search_fields = ("label", "subject_id__exact")
    fields = ("label", "subject_kind", "subject_id", "stage", "counted_from", "owner", "created_at", "sent")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.report_view)
        return [path("report/", view, name="django_apiaccess_reminder_report"), *super().get_urls()]

    def has_report_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(PERMISSION))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may take the report finds the way to it here."""
        return self.has_report_permission(request) or bool(super().has_view_permission(request, obj))

    def report_view(self, request: HttpRequest) -> HttpResponseBase:
        """Offers the report, and streams it on POST; who takes it is recorded before a row is read."""
        self.require(self.has_report_permission(request))
        if request.method != "POST":
            return self.page(request, "report.html", title=_("Credential report"))
        form = request.POST.get("form", "")
        if form not in FORMATS:
            return HttpResponseBadRequest(f"Ask for one of: {', '.join(FORMATS)}.")
        addresses = not request.POST.get("without_addresses")
        report.taken(by=actor_of(request), form=form, addresses=addresses)
        media, write = FORMATS[form]
        response = StreamingHttpResponse(write(report.rows(addresses=addresses)), content_type=media)
        day = f"{timezone.localdate():%Y-%m-%d}" if timezone.is_aware(timezone.now()) else f"{timezone.now():%Y-%m-%d}"
        response["Content-Disposition"] = f'attachment; filename="credential-report-{day}.{form}"'
        response["X-Content-Type-Options"] = "nosniff"
        add_never_cache_headers(response)
        return response

    @admin.display(description=gettext_lazy("counted from"), ordering="about")
    def counted_from(self, obj: Any) -> Any:
        return exact(obj.about)

    @admin.display(description=gettext_lazy("sent"), ordering="sent_at")
    def sent(self, obj: Any) -> Any:
        return moment(obj.sent_at, _("not yet"))
