"""The audit's rules about OAuth clients. Found by its name, because this app may not be installed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.db.models import Q

from ...audit.finding import Finding, Severity, Subject
from ...audit.many import capped, each, is_active, page_of, shell, some, word
from ...audit.rules import rule
from ...audit.run import Audit
from ...events.models import Event
from ...events.tags import Action
from ...tokens.models import TokenSession
from . import options
from .models import ClientSecret, OAuthClient
from .redirects import LOCAL

OLD: Final = timedelta(days=365)
UNUSED: Final = timedelta(days=90)
UNUSED_DYNAMIC: Final = timedelta(days=30)
LONG_GRACE: Final = timedelta(days=7)
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"


def client_subject(client: OAuthClient) -> Subject:
    """A client, by its `client_id`."""
    return Subject("oauth_client", client.client_id, str(client), page_of(OAuthClient, client.pk))


def off(client: OAuthClient, reason: str) -> str:
    """The line that makes the client inactive, through the service."""
    code = (
        "from django_apiaccess.contrib.oauth import clients; from django_apiaccess.events.source import Actor; "
        f"clients.change(clients.named({client.client_id!r}), by=Actor.command('shell'), is_active=False)"
    )
    return f"{shell(code)}  # {reason}"


def _grants(client: OAuthClient) -> set[str]:
    return {options.short_name(name) for name in client.grant_types.split()}


def _active() -> Any:
    return OAuthClient.objects.filter(is_active=True)


@rule(
    "oauth.loose-redirect",
    Severity.HIGH,
    title="OAuth clients that may be returned to places that others can be",
    why="A code goes where the redirect URI says: over plain HTTP everybody on the way reads it, with a wildcard anybody can be there.",
    fix="Register the exact https address of the client in the admin.",
    references=("ASVS 10.4.1", "RFC 9700 section 2.1", "RFC 8252 section 7.3", "CWE-601"),
)
def loose_redirect(audit: Audit) -> Iterator[Finding]:
    def findings() -> Iterator[Finding]:
        for client in (
            _active().filter(Q(redirect_uris__contains="http:") | Q(redirect_uris__contains="*")).order_by("-pk")
        ):
            loose = [uri for uri in client.redirect_uris.split() if _is_loose(uri)]
            if loose:
                yield audit.found(client_subject(client), f"may be returned to {some(loose, 3)}", uris=loose[:10])

    yield from capped(audit, findings(), "oauth_client")


def _is_loose(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return True
    return "*" in uri or (parts.scheme == "http" and host not in LOCAL)


@rule(
    "oauth.public-without-proof",
    Severity.HIGH,
    title="Public OAuth clients with grants that need proof of who asks",
    why="Anybody can pretend to be a public client. With client credentials or token exchange neither a person nor PKCE stands in the way.",
    fix="Give the client the grants authorization_code and refresh_token alone, or a secret.",
    references=("ASVS 10.4.4", "ASVS 10.4.6", "RFC 6749 section 4.4", "RFC 9700 section 2.1.1"),
)
def public_without_proof(audit: Audit) -> Iterator[Finding]:
    def findings() -> Iterator[Finding]:
        for client in _active().filter(auth_method=OAuthClient.AuthMethod.NONE).order_by("-pk"):
            odd = sorted(_grants(client) & {"client_credentials", "token_exchange"})
            if odd:
                kept = sorted(_grants(client) - set(odd))
                code = (
                    "from django_apiaccess.contrib.oauth import clients; from django_apiaccess.events.source import Actor; "
                    f"clients.change(clients.named({client.client_id!r}), by=Actor.command('shell'), grant_types={kept!r})"
                )
                fix = shell(code)
                yield audit.found(client_subject(client), f"is public and has {some(odd)}", fix=fix)

    yield from capped(audit, findings(), "oauth_client")


def _secrets(audit: Audit) -> Any:
    return ClientSecret.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=audit.now), client__is_active=True
    ).select_related("client")


@rule(
    "oauth.old-secret",
    Severity.MEDIUM,
    title="OAuth client secrets older than a year",
    why="Every place that a secret was ever written to may still hold it. A rotation makes all of them worthless.",
    fix="manage.py rotate_client_secret CLIENT --grace 24h",
    references=("ASVS 13.3.4", "CWE-324"),
)
def old_secret(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        fix = f"manage.py rotate_client_secret {word(secret.client.client_id)} --grace 24h"
        message = f"has the secret of {secret.created_at:%Y-%m-%d}"
        return audit.found(client_subject(secret.client), message, fix=fix)

    found = _secrets(audit).filter(retired_at=None, created_at__lt=audit.now - OLD)
    with_secret = (OAuthClient.AuthMethod.BASIC, OAuthClient.AuthMethod.POST)
    yield from each(audit, found.filter(client__auth_method__in=with_secret), "oauth_client", finding)


@rule(
    "oauth.two-live-secrets",
    Severity.MEDIUM,
    title="OAuth clients whose replaced secret still works",
    why="A rotation that nobody ended protects from nothing: whoever has the old secret still gets in.",
    fix="manage.py rotate_client_secret CLIENT --grace 24h",
    references=("ASVS 13.3.4", "NIST SP 800-57 part 1 section 5.3.6"),
)
def two_live_secrets(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        until = f"until {secret.expires_at:%Y-%m-%d}" if secret.expires_at else "without an end"
        fix = f"manage.py rotate_client_secret {word(secret.client.client_id)} --grace 24h"
        message = f"the secret that was replaced on {secret.retired_at:%Y-%m-%d} works on, {until}"
        return audit.found(client_subject(secret.client), message, fix=fix, aspect=secret.public_id)

    yield from each(audit, _secrets(audit).filter(retired_at__lt=audit.now - LONG_GRACE), "oauth_client", finding)


@rule(
    "oauth.unused-client",
    Severity.LOW,
    title="OAuth clients that nobody uses",
    why="A client that no application needs is a name that people trust on a consent page.",
    fix="Make the client inactive in the admin.",
    references=("ASVS 10.4.11", "ASVS 13.2.2"),
)
def unused_client(audit: Audit) -> Iterator[Finding]:
    def finding(client: Any) -> Finding:
        last = f"was used last on {client.last_used_at:%Y-%m-%d}" if client.last_used_at else "was never used"
        itself = client.origin == OAuthClient.Origin.DYNAMIC
        message = f"registered itself and {last}" if itself else last
        return audit.found(client_subject(client), message, fix=off(client, "nobody uses it"))

    unused = Q(last_used_at__lt=audit.now - UNUSED) | Q(last_used_at=None, created_at__lt=audit.now - UNUSED)
    dynamic = Q(origin=OAuthClient.Origin.DYNAMIC, last_used_at=None, created_at__lt=audit.now - UNUSED_DYNAMIC)
    alive = TokenSession.objects.filter(revoked_at=None, last_used_at__gte=audit.now - UNUSED).order_by()
    used = alive.values("client_id")
    yield from each(audit, _active().filter(unused | dynamic).exclude(client_id__in=used), "oauth_client", finding)


@rule(
    "oauth.unused-grant",
    Severity.LOW,
    title="OAuth clients with a device or exchange grant that they do not use",
    why="Phishers ask people to approve device codes, and an exchange makes a token of another one: only who uses them should have them.",
    fix="Take the grant from the client in the admin.",
    references=("ASVS 10.4.4", "RFC 8628 section 5.4", "RFC 8693 section 5"),
)
def unused_grant(audit: Audit) -> Iterator[Finding]:
    since = audit.now - UNUSED
    candidates = [
        client
        for client in _active().filter(created_at__lt=since).order_by("-pk")
        if _grants(client) & {"device_code", "token_exchange"}
    ]
    if not candidates:
        return
    asked = Event.objects.filter(at__gte=since).order_by()
    devices = {
        str(details.get("client"))
        for details in asked.filter(action=Action.DEVICE_APPROVED).values_list("details", flat=True).iterator()
    }
    exchanges = set(asked.filter(action=Action.TOKEN_EXCHANGED).values_list("actor_id", flat=True).distinct())

    def findings() -> Iterator[Finding]:
        for client in candidates:
            idle = [
                name
                for name, seen in (("device_code", devices), ("token_exchange", exchanges))
                if name in _grants(client) and client.client_id not in seen
            ]
            if idle:
                message = f"did not use {' and '.join(idle)} in {UNUSED.days} days"
                yield audit.found(client_subject(client), message, aspect=" ".join(idle))

    yield from capped(audit, findings(), "oauth_client")


@rule(
    "oauth.open-registration",
    Severity.MEDIUM,
    title="Anybody can register an OAuth client",
    why="Anybody makes a client with any name, which then stands on your consent page. A key with oauth:register says who did.",
    fix='API_ACCESS = {..., "OAUTH": {"REGISTRATION": "off"}}  # or "token"',
    references=("ASVS 10.4.7", "RFC 7591 section 5"),
)
def open_registration(audit: Audit) -> Iterator[Finding]:
    if options.entry("REGISTRATION") == "open":
        scopes = sorted(options.entry("REGISTRATION_SCOPES"))
        message = (
            f"is open to everybody; such a client may ask for {some(scopes) if scopes else 'no scope of this API'}"
        )
        severity = Severity.MEDIUM if scopes else Severity.LOW
        yield audit.found(Subject("setting", 'API_ACCESS["OAUTH"]["REGISTRATION"]'), message, severity=severity)


@rule(
    "oauth.ownerless-client",
    Severity.LOW,
    title="OAuth clients that nobody answers for",
    why="Nobody is asked when its secret leaks, and nobody says when the application is gone.",
    fix="Give it an owner in the admin, or make it inactive.",
    references=("ASVS 13.2.1", "CWE-284"),
)
def ownerless_client(audit: Audit) -> Iterator[Finding]:
    def finding(client: Any) -> Finding:
        owner = client.owner
        message = "has no owner" if owner is None else f"belongs to {owner.get_username()}, who is not active"
        return audit.found(client_subject(client), message, fix=off(client, "or give it an owner in the admin"))

    nobody = is_active("owner", value=False) | Q(owner=None) & ~Q(origin=OAuthClient.Origin.DYNAMIC)
    yield from each(audit, _active().filter(nobody).select_related("owner"), "oauth_client", finding)
