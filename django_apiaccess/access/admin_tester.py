"""The access tester in the admin: a request that nobody sends, its verdict, each step, and the smallest grant that would allow it.

It only reads. Who may open it sees everybody's rights, so it has a permission of its own; nobody else sees any of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from ..adminkit.base import AccessModelAdmin, Panel
from ..adminkit.html import NOTHING, badge, table
from ..exceptions import InvalidChange
from ..roles.admin_explain import may_explain
from .explanation import Explanation, Part

if TYPE_CHECKING:
    from .admin_form import TesterForm
    from .advice import Advice


class TesterPages(AccessModelAdmin):
    """Mixin with the page."""

    def get_urls(self) -> list[Any]:
        page = path("explain/", self.admin_site.admin_view(self.explain_view), name="django_apiaccess_scope_explain")
        return [page, *super().get_urls()]

    @method_decorator(sensitive_post_parameters("name"))
    def explain_view(self, request: HttpRequest) -> HttpResponse:
        """The form; after it was sent, the answer above it."""
        from .admin_form import TesterForm  # not at start-up: it brings DRF and the kinds of credential along

        self.require(may_explain(request))
        sent = request.method == "POST"
        known = {name: request.GET[name] for name in TesterForm.base_fields if name in request.GET}
        form = TesterForm(request.POST if sent else None, initial=known)
        panels: list[Panel] = []
        if sent and form.is_valid():
            try:
                panels = answered(form)
            except InvalidChange as error:
                form.add_error("method" if error.field == "method" else "path", str(error))
        return self.page(request, "tester.html", title=_("Access tester"), form=form, panels=panels)


def answered(form: TesterForm) -> list[Panel]:
    """The panels of the answer. Raises `UnknownName`. Whatever a project's own permission classes write is rolled back."""
    from .advice import advise
    from .explain import explain

    method, asked = form.cleaned_data["method"], form.cleaned_data["path"]
    with transaction.atomic():
        found = explain(form.caller, method, asked, form.context)
        advice = None if found.allowed else advise(form.caller, method, asked, form.context)
        transaction.set_rollback(True)
    panels = [Panel(_("Verdict"), verdict(found))]
    if advice is not None:
        panels.append(Panel(_("The smallest grant that would allow it"), advised(advice)))
    return [
        *panels,
        Panel(_("Step by step"), steps_table(found), _("As a live request meets them. Nothing was sent or written.")),
    ]


def verdict(found: Explanation) -> SafeString:
    """Allowed or refused, in one sentence that a screen reader says at once."""
    if found.allowed:
        word, status = (
            badge(_("allowed"), "good"),
            "" if found.status is None else _("Answer %d: there is no such object for them.") % found.status,
        )
        return format_html(
            '<p role="status">{} <code class="aa-code">{} {}</code> {}</p>', word, found.method, found.path, status
        )
    reason = found.reason.value if found.reason is not None else _("a permission class of the view")
    return format_html(
        '<p role="status">{} <code class="aa-code">{} {}</code></p><p>{}</p><p class="aa-quiet">{}</p>',
        badge(_("refused"), "bad"),
        found.method,
        found.path,
        found.detail,
        _("Reason %(reason)s, answer %(status)s, view %(view)s")
        % {"reason": reason, "status": found.status or NOTHING, "view": found.view},
    )


def advised(advice: Advice) -> SafeString:
    """What to give, or why nothing helps."""
    if not advice.changes:
        return format_html("<p>{}</p>", advice.text)
    more = _("Rights that it adds: %d.") % advice.added
    return format_html('<p>{}</p><p class="aa-quiet">{}</p>', advice.text, more)


def steps_table(found: Explanation) -> SafeString:
    """One row a step; the parts of a requirement below it."""
    rows = [row for part in found.parts for row in _rows(part, 0)]
    columns = [_("Step"), _("Answer"), _("What"), _("Detail"), _("Comes from")]
    return table(columns, rows, empty=_("Nothing was asked."), caption=_("Steps"))


def _rows(part: Part, depth: int) -> Iterator[list[Any]]:
    word = _answer(part)
    what = format_html('{}<span class="aa-wrap">{}</span>', "↳ " * depth, part.text)
    ways = format_html_join("", "<li>{}</li>", ((source,) for source in part.sources))
    came = format_html('<ul class="aa-list">{}</ul>', ways) if ways else NOTHING
    yield [part.step.replace("_", " ") or NOTHING, word, what, part.detail or NOTHING, came]
    for inner in part.parts:
        yield from _rows(inner, depth + 1)


def _answer(part: Part) -> SafeString:
    if part.allowed:
        return badge(_("yes"), "good")
    return badge(_("no"), "bad") if part.decisive else badge(_("does not count"), "warn")
