"""What the credential report says of OAuth clients and of consents, and which secrets end soon or are not used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ...keys.models import ServiceAccount
from ...reviews import due, report
from ...reviews.credentials import CHUNK, age
from .models import ClientSecret, Consent, OAuthClient


def connect() -> None:
    """Add them to the report."""
    report.SOURCES.extend(source for source in (clients_of, consents_of) if source not in report.SOURCES)
    if orphans not in report.ORPHANS:
        report.ORPHANS.append(orphans)
    due.SOURCES.extend(source for source in (ending_secrets, idle_clients) if source not in due.SOURCES)


def clients_of(ids: Sequence[Any]) -> Iterator[tuple[Any, report.Row]]:
    """Clients that speak for these service accounts."""
    found = _clients().filter(service_account__user__in=ids).annotate(speaks_for=F("service_account__user"))
    for client in found.order_by("speaks_for", "pk").iterator(chunk_size=CHUNK):
        yield client.speaks_for, _row(client)


def orphans() -> Iterator[report.Row]:
    """Clients that speak for people only, each as its own row: whose they are is in `owner`."""
    for client in _clients().filter(service_account=None).order_by("pk").iterator(chunk_size=CHUNK):
        yield {"kind": "oauth_client", "owner": client.owner_name, "active": client.is_active, **_row(client)}


def consents_of(ids: Sequence[Any]) -> Iterator[tuple[Any, report.Row]]:
    """What these people allowed clients."""
    found = Consent.objects.filter(user__in=ids).select_related("client").order_by("user_id", "pk")
    for consent in found.iterator(chunk_size=CHUNK):
        yield (
            consent.user_id,
            {
                "credential": "oauth_consent",
                "credential_id": str(consent.pk),
                "name": consent.client.name,
                "state": "active" if consent.revoked_at is None else "revoked",
                "created_at": consent.granted_at,
                "last_used_at": consent.last_used_at,
                "scopes": sorted(consent.scopes),
            },
        )


def ending_secrets(stages: due.Stages) -> Iterator[due.Due]:
    """Secrets that end soon: those that a rotation replaced, where the client may not have the new one yet."""
    if stages.horizon is None:
        return
    secrets = ClientSecret.objects.filter(
        expires_at__gt=stages.now, expires_at__lte=stages.horizon, client__is_active=True
    ).select_related("client__service_account")
    for piece in due.in_pieces(secrets.order_by("pk")):
        for secret in piece:
            label = f"old secret of the client {secret.client.name}"
            stage = stages.stage(secret.expires_at)
            yield due.Due("client_secret", str(secret.pk), label, stage, secret.expires_at, _answers_for(secret.client))


def idle_clients(stages: due.Stages) -> Iterator[due.Due]:
    """Clients that were neither used nor made for long."""
    if stages.inactive is None:
        return
    seen = OAuthClient.objects.annotate(seen=Coalesce("last_used_at", "created_at")).filter(is_active=True)
    idle = seen.filter(seen__lt=stages.now - stages.inactive).select_related("service_account").order_by("pk")
    for piece in due.in_pieces(idle):
        for client in piece:
            yield due.Due(
                "oauth_client", client.client_id[:64], client.name, due.INACTIVE, client.seen, _answers_for(client)
            )


def _answers_for(client: OAuthClient) -> Any:
    """The owner of the client; without one, that of the service account that it speaks for."""
    account: ServiceAccount | None = client.service_account
    return client.owner_id if client.owner_id is not None or account is None else account.owner_id


def _clients() -> Any:
    secrets = ClientSecret.objects.filter(client=OuterRef("pk")).order_by()
    live = secrets.usable().values("client").annotate(number=Count("pk")).values("number")
    return OAuthClient.objects.annotate(
        secret_created_at=Subquery(secrets.filter(retired_at=None).values("created_at")[:1]),
        live_secrets=Coalesce(Subquery(live), 0),
        owner_name=F(f"owner__{get_user_model().USERNAME_FIELD}"),
    )


def _row(client: Any) -> report.Row:
    made: datetime | None = client.secret_created_at
    return {
        "credential": "oauth_client",
        "credential_id": client.client_id,
        "name": client.name,
        "state": "active" if client.is_active else "off",
        "created_at": client.created_at,
        "secret_created_at": made,
        "secret_age_days": age(made, timezone.now()),
        "live_secrets": client.live_secrets,
        "last_used_at": client.last_used_at,
        "scopes": sorted(client.scopes),
        "bound": client.dpop_required,
    }
