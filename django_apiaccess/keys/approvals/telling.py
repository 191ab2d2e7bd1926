"""E-mails about requests: to those who may decide, and to who asked."""

from __future__ import annotations

from typing import Any

from ...notifications import notify
from . import deciders
from .models import KeyRequest


def waiting(request: KeyRequest) -> None:
    """Tell those who may decide that a request waits."""
    for person in deciders.told(request):
        notify(person, "key_request_waiting", _facts(request))


def decided(request: KeyRequest) -> None:
    """Tell who asked what became of it; the owner, where a program asked."""
    account = getattr(request.requester, "service_account", None)
    person = request.requester if account is None else account.owner
    if person is not None:
        notify(person, f"key_request_{request.status}", _facts(request))


def _facts(request: KeyRequest) -> dict[str, Any]:
    return {
        "request": request,
        "name": request.name,
        "reason": request.reason,
        "justification": request.justification,
        "requester": request.requester.get_username(),
        "principal": request.principal.get_username(),
        "scopes": " ".join(sorted(request.scopes)),
        "decided_by": request.decided_by.get_username() if request.decided_by is not None else "",
    }
