"""What of the authorization server `prune_access` deletes: codes and requests that are over, assertions that are dead by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from ...access.parts import Part, ids_of
from .models import AuthorizationCode, ClientAssertion, ClientSecret, Consent, DeviceCode, PushedRequest

KEPT: Final = timedelta(days=1)
"""How long a code stays after its end: until then a second use still ends what the first one began."""


def parts(now: datetime, keep: timedelta) -> Iterator[Part]:
    """The kinds of things that end here."""
    yield _part("authorization codes", AuthorizationCode, Q(expires_at__lt=now - KEPT))
    yield _part("device codes", DeviceCode, Q(expires_at__lt=now - KEPT))
    yield _part("pushed requests", PushedRequest, Q(expires_at__lt=now - KEPT))
    yield _part("client assertions", ClientAssertion, Q(expires_at__lt=now - KEPT))
    yield _part("client secrets", ClientSecret, Q(retired_at__isnull=False, expires_at__lt=now))
    yield _part("consents", Consent, Q(revoked_at__lt=now - keep))


def _part(name: str, model: Any, ended: Q) -> Part:
    return Part(name, model, lambda: ids_of(model.objects.filter(ended)))
