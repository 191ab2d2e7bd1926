"""Options that say who asks, and how: for commands that explain access."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ..access.callers import Anonymous, Caller, Imagined, SignedIn, WithKey, WithScopes
from ..access.context import Context
from ..access.naming import session_named
from ..access.presented import Shown
from ..core import scopes as core_scopes
from ..core.addresses import parse_address
from ..core.assurance import ACR_LEVELS
from ..exceptions import UnknownName
from ..keys.lookup import KeyRow, load
from ..keys.models import APIKeySecret
from ..roles import names
from . import arguments, selection

MAX_TEXT = 10_000


def add_caller(parser: CommandParser) -> None:
    """Who asks: one of many ways to say it."""
    who = arguments.add_principal(parser, what="who asks, with all that they hold")
    who.add_argument(
        "--key", metavar="ID", help="API key by id (list_api_keys), or by the 12 characters after its prefix."
    )
    who.add_argument(
        "--session", metavar="SID", help="A fresh access token of this token session, of a person or an OAuth client."
    )
    who.add_argument(
        "--credential",
        metavar="-",
        choices=["-"],
        help="An API key or access token from stdin (-), whose form, checksum and look-up are shown too. It is not printed.",
    )
    who.add_argument(
        "--role", metavar="R", action="append", help="Somebody imagined who has this role and nothing else; repeatable."
    )
    who.add_argument("--anonymous", action="store_true", help="Nobody: no credential is sent.")
    parser.add_argument(
        "--scope",
        metavar="S",
        action="append",
        help="With --user, --service-account or --role: by an imagined credential for these scopes only.",
    )


def add_context(parser: CommandParser) -> None:
    """Where the request comes from and how the caller logged in."""
    parser.add_argument("--from-address", metavar="IP", help="Where it comes from, for keys bound to networks.")
    parser.add_argument("--origin", metavar="O", help="Its Origin header, for keys bound to origins.")
    parser.add_argument("--plain-http", action="store_true", help="It comes without TLS.")
    parser.add_argument(
        "--acr",
        choices=ACR_LEVELS,
        help="How strong the log-in was. Default: complete, with the second factor of who has one.",
    )
    parser.add_argument("--auth-age", metavar="10m", help="How long ago the log-in was. Default: just now.")
    parser.add_argument("--at", metavar="DATE", help="When: a date, a time, or a duration from now. Default: now.")


def caller(options: Mapping[str, Any]) -> Caller:
    """Who the options say. Raises `UnknownName` and `CommandError`."""
    scopes = arguments.words(options.get("scope"))
    granted = names.scope_names(scopes) if scopes else None
    user = arguments.principal(options)
    if user is not None and granted is None and not options.get("service_account"):
        return SignedIn(user)
    if user is not None:  # nobody signs in as a service account
        return WithScopes(user, core_scopes.registry.names() if granted is None else granted)
    if options.get("role"):
        return Imagined(frozenset(names.role(name).name for name in options["role"]), granted=granted)
    if granted is not None:
        raise CommandError("--scope goes with --user, --service-account or --role: other credentials have their own.")
    return _with_credential(options)


def _with_credential(options: Mapping[str, Any]) -> Caller:
    if options.get("key") is not None:
        return WithKey(key_row(options["key"]))
    if options.get("session"):
        return session_named(options["session"])
    if not options.get("credential"):
        return Anonymous()
    text = sys.stdin.read(MAX_TEXT).strip()
    if not text:
        raise CommandError("Nothing is on stdin: pipe the credential in, as explain_access --credential - GET / < FILE")
    return Shown(text)


def context(options: Mapping[str, Any]) -> Context:
    """How the options say that it is asked. Raises `CommandError`."""
    address = options.get("from_address") or ""
    if address and parse_address(address) is None:
        raise CommandError(f"--from-address: {address!r} is no address: write 203.0.113.7 or 2001:db8::7.")
    age, at = options.get("auth_age"), options.get("at")
    return Context(
        address=address,
        origin=options.get("origin") or "",
        secure=not options.get("plain_http"),
        acr=options.get("acr"),
        auth_age=0 if age is None else int(arguments.length(age, "--auth-age").total_seconds()),
        at=None if at is None else arguments.moment(at, "--at", whole_day=False),
    )


def key_row(text: str) -> KeyRow:
    """The row of a key's current secret, or of the secret whose public id `text` is. Raises `UnknownName` and `CommandError`."""
    (key_id,) = selection.key_ids([text])
    secrets = APIKeySecret.objects.filter(key=key_id)
    secret = secrets.filter(public_id=text).first() or secrets.current().first()
    row = None if secret is None else load(secret.public_id)
    if row is None:
        raise UnknownName(f"The key {text} has no secret any more. Make it one with rotate_api_keys {key_id}.")
    return row
