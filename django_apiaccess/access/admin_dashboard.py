"""The security dashboard: the page that a security lead opens on Monday. It is the list of the audits that were kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..adminkit.base import AccessModelAdmin, Panel, ReadOnly, admin_url
from ..adminkit.charts import Bar, Series, bars, columns
from ..adminkit.html import badge, exact, link, moment, table
from ..audit.finding import Severity
from ..audit.keep import keep
from ..audit.models import AuditRun
from ..audit.rules import all_rules
from ..audit.run import run
from ..audit.words import plain
from ..authn.admin import actor_of
from ..events.models import Event
from ..keys.models import APIKey
from . import dashboard

TONES: Final = {"critical": "bad", "high": "bad", "medium": "warn", "low": "neutral", "info": "neutral"}
WORDS: Final = [severity.word for severity in sorted(Severity, reverse=True)]
SOON: Final = timedelta(days=30)
RUNS: Final = 12
"""Audits that the course of findings shows."""
WORST: Final = 10
"""Rules of the last audit that the dashboard lists; its own page has all."""
NEXT: Final = 8


@admin.register(AuditRun)
class AuditRunAdmin(ReadOnly, AccessModelAdmin):
    """The dashboard as the list, the findings of one audit as the page of a row."""

    fields = ("taken_at", "by", "found")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        run_view = self.admin_site.admin_view(self.run_view)
        return [path("run/", run_view, name="django_apiaccess_auditrun_run"), *super().get_urls()]

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether the person may start an audit."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.add_auditrun"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The dashboard."""
        self.require(self.has_view_permission(request))
        last = AuditRun.objects.first()
        return self.page(
            request,
            "dashboard.html",
            title=_("Security dashboard"),
            last=last,
            tiles=tiles(last),
            may_run=self.has_run_permission(request),
            panels=[panel for panel in self._panels(request, last) if panel is not None],
        )

    def _panels(self, request: HttpRequest, last: AuditRun | None) -> Iterable[Panel | None]:
        now = timezone.now()
        if last is not None:
            yield worst_panel(last)
            yield course_panel()
        if self.allows(request, APIKey, "view"):
            yield age_panel(now)
            yield use_panel(now)
            yield expiring_panel()
        if self.allows(request, Event, "view"):
            yield failures_panel(now)
            yield sealed_panel()

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Runs the whole audit and keeps it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.require(self.has_run_permission(request))
        made = keep(run(), by=actor_of(request).label)
        messages.success(request, _("The audit looked at everything in %.1f seconds.") % made.seconds)
        return HttpResponseRedirect(admin_url(AuditRun, "changelist"))

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        whys = {rule.id: rule.why for rule in all_rules()}
        groups = groupby(obj.findings, key=_heading)
        found = [finding_panel(heading, list(group), whys.get(heading[1], "")) for heading, group in groups]
        if obj.left_out:
            note = _("%d more findings were not kept: manage.py audit_access prints them all.") % obj.left_out
            found.append(Panel(_("Not kept"), format_html("<p>{}</p>", note)))
        return found

    @admin.display(description=gettext_lazy("at"))
    def taken_at(self, obj: Any) -> Any:
        return exact(obj.at)

    @admin.display(description=gettext_lazy("found"))
    def found(self, obj: Any) -> Any:
        return counted(obj)


def counted(kept: AuditRun) -> SafeString:
    """How many findings of each severity, as badges."""
    words = [(word, kept.counts.get(word, 0)) for word in WORDS]
    parts = [(badge(f"{count} {word}", TONES[word]),) for word, count in words if count]
    return format_html_join(" ", "{}", parts) or badge(_("nothing"), "good")


def tiles(last: AuditRun | None) -> list[dict[str, Any]]:
    """The numbers at the top: open findings of each severity that asks for something."""
    if last is None:
        return []
    shown = [(word, last.counts.get(word, 0)) for word in WORDS if word != "info"]
    return [{"word": _(word), "count": count, "tone": TONES[word] if count else "good"} for word, count in shown]


def _heading(finding: dict[str, Any]) -> tuple[str, str, str]:
    return (finding["severity"], finding["rule"], plain(finding["title"]))


def finding_panel(heading: tuple[str, str, str], findings: list[dict[str, Any]], why: str) -> Panel:
    """All that one rule found: why that matters, on what, what is wrong, the lines that mend it."""
    severity, rule, title = heading
    rows = [[_name(each), plain(each["message"]), _fix(each)] for each in findings]
    html = table([_("On"), _("What"), _("Fix")], rows, empty="", caption=title)
    return Panel(f"{severity}: {title}", html, note=f"{why} ({rule})" if why else rule)


def _fix(finding: dict[str, Any]) -> SafeString:
    return format_html('<code class="aa-code aa-lines">{}</code>', plain(finding["fix"], lines=True))


def _name(finding: dict[str, Any]) -> str:
    return plain(str(finding["subject"]["label"] or finding["subject"]["id"]))


def worst_panel(last: AuditRun) -> Panel:
    """The rules of the last audit that found something, the worst first, each with its first subject."""
    groups = [(heading, list(group)) for heading, group in groupby(last.findings, key=_heading)]
    url = admin_url(AuditRun, "change", last.pk)
    rows = [
        [badge(severity, TONES[severity]), title, len(found), _first(found)]
        for (severity, _rule, title), found in groups[:WORST]
    ]
    html = table(
        [_("Severity"), _("What is wrong"), _("Times"), _("First on")], rows, empty=_("Nothing."), caption=_("Findings")
    )
    more = link(url, _("All findings, with the lines that mend them"))
    return Panel(_("Open findings"), format_html("{}<p>{}</p>", html, more) if rows else html)


def _first(found: list[dict[str, Any]]) -> SafeString:
    parts = re.split(r"(?=\[)", _name(found[0]))  # API_ACCESS["MFA"] may break before its bracket
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts))


def course_panel() -> Panel:
    """Open findings of the last audits."""
    runs = list(AuditRun.objects.only("at", "counts")[:RUNS])[::-1]
    labels = [formats.date_format(timezone.localtime(kept.at), "SHORT_DATE_FORMAT") for kept in runs]
    series = [
        Series(_(word), [kept.counts.get(word, 0) for kept in runs], f"severity-{word}", runs[-1].counts.get(word, 0))
        for word in reversed(WORDS)
        if word != "info"
    ]
    html = columns(labels, series, caption=_("Findings of the last audits"), empty=_("The audits found nothing."))
    return Panel(_("How it went"), html)


def age_panel(now: Any) -> Panel:
    """Usable keys by the age of their secret."""
    counts = dashboard.keys_by_age(now)
    lines = [
        Bar(_("under 30 days"), counts["month"], tone="good"),
        Bar(_("30 to 90 days"), counts["quarter"], tone="good"),
        Bar(_("90 days to a year"), counts["year"], tone="warn"),
        Bar(_("over a year: rotate"), counts["older"], tone="bad"),
    ]
    return Panel(_("API keys by the age of their secret"), bars(lines, caption=_("Usable API keys by age")))


def use_panel(now: Any) -> Panel:
    """Usable keys by their last use."""
    counts = dashboard.keys_by_use(now)
    keys = admin_url(APIKey, "changelist")
    lines = [
        Bar(_("last 24 hours"), counts["day"], tone="good"),
        Bar(_("last 7 days"), counts["week"], tone="good"),
        Bar(_("last 30 days"), counts["month"], tone="good"),
        Bar(_("last 90 days"), counts["quarter"], tone="warn"),
        Bar(_("longer ago"), counts["older"], f"{keys}?attention=unused", tone="bad"),
        Bar(_("never"), counts["never"], f"{keys}?attention=never", tone="bad"),
    ]
    return Panel(_("API keys by last use"), bars(lines, caption=_("Usable API keys by last use")))


def expiring_panel() -> Panel:
    """The keys that end next."""
    found = dashboard.expiring(SOON)
    rows = [
        [link(admin_url(APIKey, "change", key.pk), plain(key.name)), plain(str(key.principal)), moment(key.expires_at)]
        for key in found[:NEXT]
    ]
    number = found.count()
    note = _("The next %(shown)d of %(number)d.") % {"shown": NEXT, "number": number} if number > NEXT else ""
    html = table(
        [_("Key"), _("Principal"), _("Ends")], rows, empty=_("None within 30 days."), caption=_("Keys that end soon")
    )
    return Panel(_("Ends within 30 days"), html, note=note)


def failures_panel(now: Any) -> Panel:
    """Refused and failed attempts by network."""
    found = dashboard.failures(now)
    labels = [formats.date_format(day, "MONTH_DAY_FORMAT") for day in found.days]
    series = [Series(network or _("others"), counts) for network, counts in found.networks]
    title = _("Refused and failed attempts by network")
    html = columns(labels, series, caption=title, empty=_("None in the last %d days.") % dashboard.DAYS)
    events = f"{admin_url(Event, 'changelist')}?outcome__in={Event.Outcome.DENIED},{Event.Outcome.FAILED}"
    return Panel(title, format_html("{}<p>{}</p>", html, link(events, _("Look at them in the events"))))


def sealed_panel() -> Panel:
    """How the audit log stands."""
    state = dashboard.sealed()
    rows = [
        (_("Sealed up to"), _("event %d") % state.to if state.to else _("nothing yet")),
        (_("Last signed"), exact(state.at, _("never"))),
        (_("Waiting to be sealed"), _waiting(state)),
        *((_("%s lacks") % name, _events(count)) for name, count in state.sinks.items()),
        (_("Check it"), format_html('<code class="aa-code">{}</code>', "manage.py verify_events")),
    ]
    facts = format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows)
    return Panel(_("Audit log"), format_html('<dl class="aa-dl">{}</dl>', facts))


def _waiting(state: dashboard.Sealed) -> Any:
    if not state.waiting:
        return _("nothing")
    return format_html("{}, {} {}", _events(state.waiting), _("the oldest"), moment(state.oldest_waiting))


def _events(number: int) -> str:
    return ngettext("%d event", "%d events", number) % number
