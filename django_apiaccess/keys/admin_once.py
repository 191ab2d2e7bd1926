"""Forms that work once, and the page that shows a key once.

The page is the answer to the POST that made the key: its text is in no message, session, log entry or address. Reloading that page sends
the form again, and a form works once: so no second key is made and nothing is shown.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from ..adminkit.base import AccessModelAdmin
from ..exceptions import InvalidChange
from ..roles.generations import bump
from ..roles.models import Generation
from .service import Issued

FIELD: Final = "apiaccess_form"
SESSION_KEY: Final = "apiaccess_open_forms"
MOST_OPEN: Final = 50
"""Forms that one session may have open; the oldest is forgotten first."""


class FormUsed(InvalidChange):
    """The form was sent before, or is too old."""

    code = "form_used"

    def __init__(self) -> None:
        super().__init__(
            _(
                "this form was sent before. A key is shown once; if you did not note it down, rotate it to get a new secret."
            )
        )


def open_form(request: HttpRequest) -> str:
    """The name of a form that works once: the one just sent, while it is unused, else a new one."""
    waiting: list[str] = request.session.get(SESSION_KEY, [])
    sent = request.POST.get(FIELD, "")
    if sent in waiting:
        return sent
    made = secrets.token_urlsafe(16)
    request.session[SESSION_KEY] = [*waiting, made][-MOST_OPEN:]
    return made


def spend_form(request: HttpRequest) -> None:
    """Use the form of this POST up, in the transaction of what it does. Raises `FormUsed`.

    Two POSTs of one form at once wait for each other at the generation's row; the second reads the session anew and finds the form used.
    """
    with transaction.atomic():
        bump(Generation.CREDENTIALS, sessions=False)
        fresh = type(request.session)(request.session.session_key)
        waiting = fresh.get(SESSION_KEY, [])
        sent = request.POST.get(FIELD, "")
        if sent not in waiting:
            raise FormUsed
        left = [name for name in waiting if name != sent]
        fresh[SESSION_KEY] = left
        fresh.save()
        request.session[SESSION_KEY] = left


@sensitive_variables()
def once_page(model_admin: AccessModelAdmin, request: HttpRequest, issued: Issued, *, rotated: bool) -> HttpResponse:
    """The key's text, in this answer and nowhere else."""
    key = issued.key
    until = issued.old_secret_valid_until
    ended = until is not None and until <= timezone.now()
    title = _("New secret of %s") % key if rotated else _("New API key: %s") % key
    page = model_admin.page(
        request, "once.html", title=title, obj=key, text=issued.text, curl=curl_line(request, issued.text), key=key, rotated=rotated,
        old_until=until, old_until_now=ended, scopes=sorted(key.scopes),
    )  # fmt: skip
    page["Cache-Control"] = "no-store"
    page["Referrer-Policy"] = "no-referrer"
    rendered: HttpResponse = page.render()
    page.context_data = None  # what comes after (middleware, debug pages) has no business with it
    return rendered


@sensitive_variables()
def curl_line(request: HttpRequest, text: str) -> str:
    """A request that tries the key, to be pasted into a shell."""
    try:
        url = request.build_absolute_uri(reverse("apiaccess-me"))
    except NoReverseMatch:
        url = request.build_absolute_uri("/")
    return f"curl -H 'Authorization: Api-Key {text}' '{url}'"


def with_open_form(request: HttpRequest, context: dict[str, Any] | None) -> dict[str, Any]:
    """The context of a page whose form works once."""
    return {**(context or {}), "apiaccess_form": open_form(request)}
