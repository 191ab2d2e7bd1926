"""What people allowed: remembered, asked for, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from ...conf import access_settings
from ...core.scopes import dump, parse, registry
from ...events.record import changed
from ...events.source import Actor, Where
from ...events.tags import Action
from ...exceptions import InvalidChange
from ...tokens.ending import end
from ...tokens.models import TokenSession
from . import options
from .models import AuthorizationCode, Consent, DeviceCode, OAuthClient
from .querysets import ConsentQuerySet


def of(client: OAuthClient, user: Any) -> Consent | None:
    """The consent that the user has given the client and not taken back, since it last may have come into other hands."""
    found: Consent | None = Consent.objects.live().filter(client=client, user=user).first()
    return None if found is None or _is_of_other_hands(found, client.controlled_at) else found


def _is_of_other_hands(consent: Consent, controlled_at: datetime | None) -> bool:
    return controlled_at is not None and consent.granted_at <= controlled_at


def spares_the_page(client: OAuthClient, consent: Consent | None, scopes: frozenset[str], resource: str) -> bool:
    """Whether the user need not be asked again.

    Never for a public client: nothing proves that it is the one that the consent was given to (RFC 6749 section 10.2, ASVS 10.7.1).
    """
    if client.is_public:
        return False
    if client.trusted:
        return True
    if consent is None or timezone.now() - consent.granted_at > options.lifetime("CONSENT_MAX_AGE"):
        return False
    return not new_scopes(consent, scopes, resource)


def place_of(resource: str) -> str:
    """The resources that something is allowed at, as one text: in order, and this API by its name."""
    return " ".join(sorted(set(resource.split()) or {access_settings.AUDIENCE}))


def new_scopes(consent: Consent | None, scopes: frozenset[str], resource: str) -> frozenset[str]:
    """Those of `scopes` that the user has not allowed before at just these resources: what was allowed elsewhere says nothing here."""
    if consent is None:
        return scopes
    allowed = parse(consent.terms.get(place_of(resource), ""))
    known = registry.expand(allowed) | allowed
    return frozenset(
        name for name in scopes if name not in known and not (registry.knows(name) and registry.expand([name]) <= known)
    )


@transaction.atomic
def give(client: OAuthClient, user: Any, *, scopes: frozenset[str], resource: str, where: Where) -> Consent:
    """Remember that the user allowed it: beside what was allowed before. In the caller's transaction, with the event."""
    now = timezone.now()
    by = Actor.of_user(user, where=where)
    for _ in range(3):
        consent = Consent.objects.select_for_update(no_key=True).live().filter(client=client, user=user).first()
        if consent is not None:
            consent.scopes |= scopes
            consent.resource = " ".join(dict.fromkeys([*consent.resource.split(), *resource.split()]))
            controlled = OAuthClient.objects.filter(pk=client.pk).values_list("controlled_at", flat=True).first()
            before = {} if _is_of_other_hands(consent, controlled) else consent.terms
            allowed = parse(before.get(place_of(resource), "")) | scopes
            consent.terms = {**before, place_of(resource): dump(allowed)}
            consent.granted_at = consent.last_used_at = now
            consent.save(update_fields=["scopes", "resource", "terms", "granted_at", "last_used_at"])
            break
        try:
            with transaction.atomic():
                terms = {place_of(resource): dump(scopes)}
                consent = Consent.objects.create(
                    client=client, user=user, scopes=scopes, resource=resource, terms=terms, last_used_at=now
                )
            break
        except IntegrityError:  # the same person, in another window
            continue
    assert isinstance(consent, Consent)
    changed(Action.CONSENT_GIVEN, consent, by=by, client=client.client_id, scope=dump(scopes), resource=resource)
    return consent


def revoke(consents: ConsentQuerySet, *, reason: str, by: Actor) -> int:
    """Take consents back: the sessions that came of them end, tokens included, at the next request. Returns how many were taken back.

    The consent first, then the codes, then the sessions: who is exchanging a code at this moment holds its row, so this waits, and finds
    the session that it makes.
    """
    if not reason.strip():
        raise InvalidChange("Say why: taking a consent back needs a reason.", field="reason")
    count = 0
    for consent in consents.live().select_related("client", "user").order_by("pk"):
        now = timezone.now()
        with transaction.atomic():
            mine = Consent.objects.live().filter(pk=consent.pk)
            if mine.update(revoked_at=now, revoked_reason=reason.strip()[:255]):
                count += 1
                changed(Action.CONSENT_REVOKED, consent, by=by, reason=reason, client=consent.client.client_id)
        for model in (AuthorizationCode, DeviceCode):
            model.objects.filter(client=consent.client, user=consent.user, used_at=None).update(used_at=now)
        sessions = TokenSession.objects.filter(client_id=consent.client.client_id, user=consent.user)
        end(sessions, reason=f"consent taken back: {reason}", by=by)
    return count
