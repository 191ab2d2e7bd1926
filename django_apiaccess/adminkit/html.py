"""Small pieces of HTML: badges, moments, lists of scopes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

NOTHING = "–"


def badge(text: Any, tone: str = "neutral") -> SafeString:
    """A word on a coloured ground. Tones: good, warn, bad, neutral. The word says it all; the colour only helps."""
    return format_html('<span class="aa-badge aa-{}">{}</span>', tone, text)


def moment(at: datetime | None, empty: str = NOTHING) -> SafeString | str:
    """How long ago or until, in short, with the exact time as its title."""
    if at is None:
        return empty
    exactly = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html(
        '<time class="aa-time" datetime="{}" title="{}">{}</time>', at.isoformat(), exactly, distance(at)
    )


def distance(at: datetime) -> str:
    """`in 364 d`, `3 h ago`, `just now`."""
    seconds = int((at - timezone.now()).total_seconds())
    minutes = abs(seconds) // 60
    if not minutes:
        return _("just now")
    hours, days = minutes // 60, minutes // 1440
    length = _("%d d") % days if hours >= 48 else _("%d h") % hours if hours else _("%d min") % minutes
    return _("in %s") % length if seconds > 0 else _("%s ago") % length


def exact(at: datetime | None, empty: str = NOTHING) -> SafeString | str:
    """The time itself, and how long ago or until."""
    if at is None:
        return empty
    return format_html(
        '{} <span class="aa-quiet">({})</span>',
        formats.date_format(timezone.localtime(at), "DATETIME_FORMAT"),
        moment(at),
    )


def codes(names: Iterable[str], *, most: int | None = None) -> SafeString | str:
    """Names in a fixed-width face; with `most`, the first few and how many more there are."""
    listed = sorted(names)
    if not listed:
        return NOTHING
    shown = listed if most is None else listed[:most]
    html = format_html_join(" ", '<code class="aa-code">{}</code>', ((name,) for name in shown))
    more = len(listed) - len(shown)
    if not more:
        return html
    rest = ", ".join(listed[len(shown) :])
    return format_html('{} <span class="aa-quiet" title="{}">{}</span>', html, rest, _("and %d more") % more)


def link(url: str, text: Any) -> Any:
    """A link, or the bare text where there is no address."""
    return format_html('<a href="{}">{}</a>', url, text) if url else text


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, caption: str = "") -> SafeString:
    """A table that becomes a list of cards on a narrow screen."""
    cells = [list(zip(columns, row, strict=True)) for row in rows]
    return render_to_string(
        "django_apiaccess/admin/table.html", {"columns": columns, "rows": cells, "empty": empty, "caption": caption}
    )
