"""`manage.py update_oauth_client`."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Iterable
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from ...conf import OAUTH_GRANTS
from ...exceptions import UnknownName
from ...keys.accounts import service_account
from ...roles import names
from ..arguments import length, words
from ..base import AccessCommand
from ..oauth import COLUMNS, key_set, require_app, row_of

LISTS: Final = {
    "redirect_uris": ("redirect-uri", "U", "Where it may be returned to"),
    "scopes": ("scope", "S", "What it may ask for at most"),
    "grant_types": ("grant", "G", f"How it gets tokens ({', '.join(OAUTH_GRANTS)})"),
    "audiences": ("audience", "R", "Further resources it may have tokens for"),
}
TEXTS: Final = {
    "name": ("--name", "What people read on the consent page."),
    "description": ("--description", "A sentence about it, for the consent page."),
    "homepage": ("--homepage", "Where people can read about it; '' for none."),
    "logo_uri": ("--logo-uri", "Its picture; '' for none."),
    "policy_uri": ("--policy-uri", "Its privacy policy; '' for none."),
    "tos_uri": ("--tos-uri", "Its terms of service; '' for none."),
}
SWITCHES: Final = {
    "dpop_required": ("--dpop-required", "It must bind its tokens to a key (RFC 9449)."),
    "par_required": ("--par-required", "It must push its requests (RFC 9126)."),
    "may_introspect": ("--may-introspect", "It may inspect tokens of its own resources."),
    "trusted": ("--trusted", "It is ours: nobody is asked for consent."),
}
LIFETIMES: Final = {
    "access_token_lifetime": ("--access-token-lifetime", "How long an access token lives; 'none': as the setting."),
    "session_lifetime": ("--session-lifetime", "How long an authorization lives; 'none': as the setting."),
}


class Command(AccessCommand):
    """Change an OAuth client."""

    name = "update_oauth_client"
    help = (
        "Changes an OAuth client; what is not named stays. What it had before follows at once: sessions of a client that may do less do "
        "less from the next request on, those of one that is switched off end."
    )
    example = """
manage.py update_oauth_client "Reading list" --add-redirect-uri https://app.example/new --dpop-required
manage.py update_oauth_client app_3kTMd9 --scope orders:read --session-lifetime 30d
manage.py update_oauth_client importer --deactivate
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="Its client id, or its name.")
        for field, (option, text) in TEXTS.items():
            parser.add_argument(option, dest=field, metavar="TEXT", help=text)
        for field, (option, letter, text) in LISTS.items():
            more: dict[str, Any] = {"action": "extend", "nargs": "+", "metavar": letter}
            parser.add_argument(f"--{option}", dest=field, help=f"{text}: these instead of those it has.", **more)
            parser.add_argument(f"--add-{option}", dest=f"add_{field}", help="These too.", **more)
            parser.add_argument(f"--remove-{option}", dest=f"remove_{field}", help="These no more.", **more)
        parser.add_argument(
            "--default-scope",
            dest="default_scopes",
            action="extend",
            nargs="+",
            metavar="S",
            help="What it gets when it asks for nothing; 'none': all that it may.",
        )
        for field, (option, text) in LIFETIMES.items():
            parser.add_argument(option, dest=field, metavar="30d", help=text)
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--public", action="store_true", help="It keeps no secret; its sessions end.")
        kind.add_argument("--secret-in-header", action="store_true", help="It sends its secret by HTTP Basic.")
        kind.add_argument("--secret-in-body", action="store_true", help="It sends its secret in the body.")
        kind.add_argument("--jwks", metavar="FILE", help="It signs assertions: a JWK Set with its public keys.")
        kind.add_argument("--jwks-uri", metavar="URL", help="The same, by the https address of its public keys.")
        parser.add_argument("--service-account", metavar="S", help="Whom it speaks for with client_credentials.")
        parser.add_argument("--owner", metavar="U", help="The person who answers for it.")
        for field, (option, text) in SWITCHES.items():
            parser.add_argument(option, dest=field, action=BooleanOptionalAction, default=None, help=text)
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--activate", action="store_true", help="It gets tokens again.")
        state.add_argument("--deactivate", action="store_true", help="It gets no tokens, and its sessions end.")

    def run(self, options: dict[str, Any]) -> None:
        require_app()
        from ...contrib.oauth import client_secrets, clients

        client = clients.named(options["client"])
        fields = {**self._plain(options), **self._lists(client, options), **self._proof(options)}
        if not fields:
            raise CommandError("Say what to change: manage.py update_oauth_client --help")
        client = clients.change(client, by=self.actor, **fields)
        if options["format"] == "json":
            self.print_one(row_of(client), "", options)
        else:
            self.print_rows(COLUMNS, [row_of(client)], options)
        if client.auth_method in client_secrets.METHODS and not client.secrets.usable().exists():
            self.note("It has no secret yet: manage.py rotate_client_secret --help")

    def _plain(self, options: dict[str, Any]) -> dict[str, Any]:
        found = {field: options[field] for field in (*TEXTS, *SWITCHES) if options.get(field) is not None}
        for field, (option, _text) in LIFETIMES.items():
            value = options.get(field)
            if value is not None:
                found[field] = None if value == "none" else length(value, option)
        if options.get("owner"):
            found["owner"] = names.user(options["owner"])
        if options.get("service_account"):
            found["service_account"] = service_account(options["service_account"])
        if options.get("activate") or options.get("deactivate"):
            found["is_active"] = bool(options.get("activate"))
        if options.get("default_scopes") is not None:
            given = words(options["default_scopes"])
            found["default_scopes"] = [] if given == ["none"] else given
        return found

    def _lists(self, client: Any, options: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for field, (option, _letter, _text) in LISTS.items():
            given, added, taken = (words(options.get(f"{how}{field}")) for how in ("", "add_", "remove_"))
            if not (given or added or taken):
                continue
            if given and (added or taken):
                raise CommandError(f"--{option} says all of them: leave out --add-{option} and --remove-{option}.")
            has = getattr(client, field)
            present = sorted(has) if isinstance(has, frozenset) else has.split()
            _check_present(present, taken, f"--remove-{option}")
            found[field] = given or [word for word in dict.fromkeys([*present, *added]) if word not in taken]
        return found

    def _proof(self, options: dict[str, Any]) -> dict[str, Any]:
        """How it authenticates from now on. Keys go with the method that they are for."""
        from ...contrib.oauth.models import OAuthClient

        method = OAuthClient.AuthMethod
        if options.get("jwks"):
            return {"auth_method": method.PRIVATE_KEY, "jwks": key_set(options["jwks"]), "jwks_uri": ""}
        if options.get("jwks_uri"):
            return {"auth_method": method.PRIVATE_KEY, "jwks": None, "jwks_uri": options["jwks_uri"]}
        chosen = {"public": method.NONE, "secret_in_header": method.BASIC, "secret_in_body": method.POST}
        found = next((value for name, value in chosen.items() if options.get(name)), None)
        return {} if found is None else {"auth_method": found, "jwks": None, "jwks_uri": ""}


def _check_present(present: Iterable[str], taken: Iterable[str], option: str) -> None:
    """Raise `UnknownName` for something to be removed that is not there."""
    for word in taken:
        if word not in present:
            raise UnknownName(f"{option}: it has no {word!r}.{names.nearest(word, present)}")
