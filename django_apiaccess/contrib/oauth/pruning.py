"""What of the authorization server `prune_access` deletes: codes and requests that are over, assertions that are dead by the clock, clients
that registered themselves and were never let in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from ...access.parts import Part, ids_of
from ...tokens.models import TokenSession
from . import options
from .models import AuthorizationCode, ClientAssertion, ClientSecret, Consent, DeviceCode, OAuthClient, PushedRequest

KEPT: Final = timedelta(days=1)
"""How long a code stays after its end: until then a second use still ends what the first one began."""


def parts(now: datetime, keep: timedelta) -> Iterator[Part]:
    """The kinds of things that end here."""
    yield _part("authorization codes", AuthorizationCode, Q(expires_at__lt=now - KEPT))
    yield _part("device codes", DeviceCode, Q(expires_at__lt=now - KEPT))
    yield _part("pushed requests", PushedRequest, Q(expires_at__lt=now - KEPT))
    yield _part("client assertions", ClientAssertion, Q(expires_at__lt=now - KEPT))
    yield _part("client secrets", ClientSecret, Q(retired_at__isnull=False, expires_at__lt=now))
    yield Part("unused registrations", OAuthClient, lambda: ids_of(unused(now)))
    yield _part("consents", Consent, Q(revoked_at__lt=now - keep))


def unused(now: datetime) -> QuerySet[OAuthClient]:
    """Clients that registered themselves and that nobody ever let in, once they had `REGISTRATION_UNUSED` to be let in.

    What is not pruned here was consented to, or is in use: taking it away is a person's decision.
    """
    theirs = TokenSession.objects.filter(client_id=OuterRef("client_id"))
    old = OAuthClient.objects.filter(
        origin=OAuthClient.Origin.DYNAMIC, created_at__lt=now - options.lifetime("REGISTRATION_UNUSED")
    )
    return old.filter(~Exists(Consent.objects.filter(client=OuterRef("pk"))), ~Exists(theirs), last_used_at=None)


def _part(name: str, model: Any, ended: Q) -> Part:
    return Part(name, model, lambda: ids_of(model.objects.filter(ended)))
