"""What becomes of a client's sessions when the client changes: they never do more than it may now."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ...core.scopes import registry
from ...events.source import Actor
from ...roles.generations import bump
from ...roles.models import Generation
from ...tokens.ending import end, tell_of
from ...tokens.models import TokenSession
from ...tokens.querysets import TokenSessionQuerySet
from .identity import api_scopes, identity_scopes
from .models import AuthorizationCode, DeviceCode, OAuthClient, PushedRequest


def end_sessions(client: OAuthClient, *, reason: str, by: Actor) -> int:
    """End every session of the client, and what may become one. Returns how many sessions ended.

    The codes first: who is exchanging one at this moment holds its row, so this waits, and the session that it makes is found below.
    """
    _end_codes(client)
    return end(TokenSession.objects.filter(client_id=client.client_id), reason=reason, by=by)


def follow(client: OAuthClient, was: OAuthClient, *, by: Actor) -> None:
    """Let the sessions of a client that changed from `was` follow, after the change was committed.

    Fewer scopes: sessions keep those that are left, felt by their access tokens at the next request. A resource or the proof of itself
    taken away: the sessions that rest on it end. A shorter life: they end sooner. Requests that are on their way begin anew.
    """
    fewer_scopes = bool(was.scopes - _common(was.scopes, client.scopes))
    lost = set(was.audiences.split()) - set(client.audiences.split())
    unproved = client.is_public and not was.is_public
    fewer_places = set(was.redirect_uris.split()) - set(client.redirect_uris.split())
    if fewer_scopes or lost or unproved or fewer_places or was.auth_method != client.auth_method:
        _end_codes(client)
    if unproved:
        end(_sessions(client), reason="its client does not prove who it is any more", by=by)
    elif lost:
        gone = [pk for pk, words in _sessions(client).values_list("pk", "audience") if lost & set(words.split())]
        end(TokenSession.objects.filter(pk__in=gone), reason="its client lost the resource", by=by)
    if fewer_scopes:
        narrow(_sessions(client).values_list("pk", flat=True), client.scopes)
    if client.session_lifetime is not None and client.session_lifetime != was.session_lifetime:
        latest = F("created_at") + client.session_lifetime
        with transaction.atomic():
            if _sessions(client).filter(expires_at__gt=latest).update(expires_at=latest):
                bump(Generation.CREDENTIALS)


def narrow(sessions: Iterable[int], allowed: frozenset[str]) -> None:
    """Take from the sessions the scopes beyond `allowed`, and from those that were issued via them (token exchange)."""
    pending = [(pk, allowed) for pk in sessions]
    while pending:
        pk, most = pending.pop()
        with transaction.atomic():
            bump(Generation.CREDENTIALS, sessions=False)  # the lock, and what tells the workers that remember rows
            session = TokenSession.objects.filter(pk=pk, revoked_at=None).first()
            if session is None:
                continue
            left = _common(session.scope, most)
            if left == session.scope:
                continue
            tell_of([session.sid])
            TokenSession.objects.filter(pk=pk, revoked_at=None).update(scope=left)
            via = TokenSession.objects.filter(issued_via=session.sid, revoked_at=None)
            pending += [(child, left) for child in via.values_list("pk", flat=True)]


def _common(mine: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """Those of `mine` that `allowed` opens too, by the shortest names."""
    opened = registry.expand(api_scopes(allowed))
    whole = {name for name in api_scopes(mine) if name in allowed or registry.expand([name]) <= opened}
    partly = registry.expand(api_scopes(mine)) & opened - registry.expand(whole)
    return frozenset(whole | registry.reduce(partly)) | (identity_scopes(mine) & identity_scopes(allowed))


def _sessions(client: OAuthClient) -> TokenSessionQuerySet:
    return TokenSession.objects.filter(client_id=client.client_id, revoked_at=None, expires_at__gt=timezone.now())


def _end_codes(client: OAuthClient) -> None:
    now = timezone.now()
    for model in (AuthorizationCode, DeviceCode, PushedRequest):
        model.objects.filter(client=client, used_at=None).update(used_at=now)
