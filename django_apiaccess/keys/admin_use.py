"""What the admin shows of the scopes that a key used, and the page that takes the others away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..adminkit.base import Panel, admin_url
from ..adminkit.html import NOTHING, badge, codes, table
from ..authn.admin import actor_of, record_refusal
from ..core import scopes as core_scopes
from ..exceptions import InvalidChange
from . import narrowing
from .models import APIKey, ScopeUse

MOST = 200
"""Scopes that the panel lists."""


def use_panel(key: APIKey, *, may_narrow: bool) -> Panel:
    """Each scope of the key with the days of its use, and the way to narrow it."""
    seen = narrowing.outlook(key)
    days = {use.scope: use for use in ScopeUse.objects.filter(key=key)}
    names = sorted(core_scopes.registry.expand(key.scopes) | (days.keys() & set(key.scopes)))
    rows = [[codes([name]), *_days(days.get(name)), _word(name, seen)] for name in names[:MOST]]
    columns = [_("Scope"), _("First used"), _("Last used"), _("In the last %d days") % narrowing.WINDOW.days]
    html = table(columns, rows, empty=_("It has no scope."), caption=_("Use of its scopes"))
    if may_narrow and seen.ripe and seen.used and seen.goes and key.status == APIKey.Status.ACTIVE:
        html = format_html(
            '{}<p class="aa-buttons"><a class="aa-button" href="{}">{}</a></p>',
            html,
            admin_url(APIKey, "narrow", key.pk),
            _("Narrow the key to what it used"),
        )
    return Panel(_("Scopes not used in %d days") % narrowing.WINDOW.days, html, _note(key, seen))


def _days(use: ScopeUse | None) -> list[Any]:
    if use is None:
        return [NOTHING, NOTHING]
    return [formats.date_format(day) for day in (use.first_on, use.last_on)]


def _word(name: str, seen: narrowing.Outlook) -> SafeString:
    if name in seen.used:
        return badge(_("used"), "good")
    if not seen.ripe:
        return badge(_("not seen yet"))
    return badge(_("not used"), "warn") if name in seen.goes else badge(_("comes with one that was used"))


def _note(key: APIKey, seen: narrowing.Outlook) -> str:
    since = formats.date_format(key.scopes_since)
    if not seen.ripe:
        day = formats.date_format(seen.judged_from)
        return _("Recorded since %(since)s. What it does not need can be told from %(day)s on.") % {
            "since": since,
            "day": day,
        }
    if not seen.used:
        return _("Recorded since %s: it used none of them. Revoke the key, if nobody needs it.") % since
    if not seen.goes:
        return _("Recorded since %s: it used all of them.") % since
    count = len(seen.goes)
    return _("Recorded since %(since)s: %(count)d of them were not used, and can go.") % {
        "since": since,
        "count": count,
    }


def narrow_page(page: Any, request: HttpRequest, key: APIKey) -> HttpResponse:
    """Asks before it takes scopes away: what goes, what stays. What is used between the page and the click stays as well."""
    seen = narrowing.outlook(key)
    try:
        narrowing.check(key, seen)
        if not seen.goes:
            raise InvalidChange(_("It used all of its scopes: there is nothing to take away."))
    except InvalidChange as error:
        messages.info(request, error.message)
        return page.back_to(request, key)  # type: ignore[no-any-return]
    answer = page.ask_reason(
        request,
        obj=key,
        title=_("Narrow %s") % key,
        lead=_(
            "The key keeps what it used in the last %d days, by itself or through keys that it issued. The rest is refused from the next "
            "request on."
        )
        % narrowing.WINDOW.days,
        items=[
            format_html("{}: {}", _("Goes"), codes(seen.goes)),
            format_html("{}: {}", _("Stays"), codes(seen.stays)),
        ],
        button=_("Take the unused scopes away"),
        required=False,
        hidden=[("goes", name) for name in sorted(seen.goes)],
    )
    if isinstance(answer, HttpResponse):
        return answer
    return _narrow(page, request, key, answer)


def _narrow(page: Any, request: HttpRequest, key: APIKey, reason: str) -> HttpResponse:
    listed = frozenset(request.POST.getlist("goes"))
    narrowing.settle()
    before = core_scopes.registry.expand(key.scopes)
    try:
        seen = narrowing.narrow(key, by=actor_of(request), goes=listed, reason=reason)
    except InvalidChange as error:
        record_refusal(request, error)
        messages.error(request, _("Nothing was changed: %s") % error.message)
        return page.back_to(request, key)  # type: ignore[no-any-return]
    gone = sorted(before - core_scopes.registry.expand(seen.stays))
    if gone:
        page.log_change(request, key, _("Narrowed: %s taken away.") % ", ".join(gone))
        messages.success(request, _("Taken away: %s.") % ", ".join(gone))
    kept = sorted(listed & before - set(gone))
    if kept:
        messages.warning(request, _("Used since you looked, so it stays: %s.") % ", ".join(kept))
    return page.back_to(request, key)  # type: ignore[no-any-return]
