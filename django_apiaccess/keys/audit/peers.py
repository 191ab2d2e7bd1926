"""What tables of other packages hold in the clear or under weak digests. They are read whether or not the package is still installed.

Nothing of those packages is imported: the tables are asked by their names, with counts only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections, router, transaction

from ...audit.finding import Finding, Severity, Subject
from ...audit.many import number
from ...audit.rules import rule
from ...audit.run import Audit
from ..models import APIKey

HASHED: Final = ("pbkdf2_%", "argon2%", "bcrypt%", "scrypt%")


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of the database that holds our keys, with how many rows a condition finds."""

    using: str
    names: frozenset[str]

    def count(self, table: str, condition: str = "", parameters: tuple[Any, ...] = ()) -> int:
        """How many rows there are; 0 without the table, or where it has other columns."""
        if table not in self.names:
            return 0
        connection = connections[self.using]
        where = f" WHERE {condition}" if condition else ""
        try:
            with transaction.atomic(using=self.using), connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}{where}", parameters)  # noqa: S608 - constants below
                return int(cursor.fetchone()[0])
        except DatabaseError:
            return 0

    def __hash__(self) -> int:
        return hash(self.using)


def tables() -> Tables:
    """A fact of the run."""
    using = router.db_for_write(APIKey)
    with connections[using].cursor() as cursor:
        return Tables(using, frozenset(connections[using].introspection.table_names(cursor)))


def table_of(setting: str, default: str, table: str) -> str:
    """The table of the model that the project may have swapped in by a setting."""
    label = str(getattr(settings, setting, "") or default)
    try:
        return str(apps.get_model(label)._meta.db_table)
    except (LookupError, ValueError):
        return table


def _found(audit: Audit, table: str, count: int, what: str, **given: Any) -> Iterator[Finding]:
    """`what` begins with the thing in the singular, then a bar: "token| in the clear"."""
    if count:
        thing, _bar, rest = what.partition("|")
        said = number(count, thing, f"{thing}s") + rest
        yield audit.found(Subject("table", table), said, rows=count, **given)


@rule(
    "peers.authtoken",
    Severity.HIGH,
    title="Tokens of rest_framework.authtoken in the clear",
    why="Whoever reads the table, a backup or a replica has every token, and they never expire.",
    fix="manage.py import_api_keys --from drf-authtoken",
    references=("ASVS 13.3.1", "CWE-312", "CWE-522"),
)
def authtoken(audit: Audit) -> Iterator[Finding]:
    count = audit.fact(tables).count("authtoken_token")
    yield from _found(audit, "authtoken_token", count, "token| in the clear; import what is used, then empty the table")


@rule(
    "peers.knox",
    Severity.MEDIUM,
    title="Tokens of django-rest-knox under short digests, or without an end",
    why="Digests shorter than SHA-512 were made with a changed or an old algorithm, salted ones by knox 4.1; tokens without an end open "
    "the API for ever.",
    fix="manage.py import_api_keys --from knox",
    references=("ASVS 11.4.2", "CWE-916", "CWE-613"),
)
def knox(audit: Audit) -> Iterator[Finding]:
    table, asked = table_of("KNOX_TOKEN_MODEL", "knox.AuthToken", "knox_authtoken"), audit.fact(tables)
    short = asked.count(table, "length(digest) < 128")
    yield from _found(audit, table, short, "token| under a digest shorter than SHA-512", aspect="digest")
    endless = asked.count(table, "expiry IS NULL")
    yield from _found(audit, table, endless, "token| without an end", aspect="expiry")


@rule(
    "peers.drf-api-key",
    Severity.LOW,
    title="Keys of djangorestframework-api-key that are still in its table",
    why="They are known to no audit, have no scopes and no owner: whoever has one passes HasAPIKey everywhere.",
    fix="manage.py import_api_keys --from drf-api-key",
    references=("ASVS 13.2.2", "CWE-284"),
)
def drf_api_key(audit: Audit) -> Iterator[Finding]:
    table = "rest_framework_api_key_apikey"
    live = audit.fact(tables).count(table, "NOT revoked AND (expiry_date IS NULL OR expiry_date > CURRENT_TIMESTAMP)")
    yield from _found(audit, table, live, "key| not revoked")


@rule(
    "peers.dot",
    Severity.HIGH,
    title="Tokens and secrets of django-oauth-toolkit in the clear",
    why="Access and refresh tokens stand in the table as they are presented; so does a client secret that was made with hashing off.",
    fix="manage.py import_dot_clients",
    references=("RFC 9700 section 4.12", "ASVS 13.3.1", "CWE-312"),
)
def dot(audit: Audit) -> Iterator[Finding]:
    asked = audit.fact(tables)
    for setting, name, what in (
        ("OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL", "AccessToken", "access token| in the clear and still alive"),
        ("OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL", "RefreshToken", "refresh token| in the clear and not revoked"),
    ):
        table = table_of(setting, f"oauth2_provider.{name}", f"oauth2_provider_{name.lower()}")
        alive = "revoked IS NULL" if name == "RefreshToken" else "expires > CURRENT_TIMESTAMP"
        yield from _found(audit, table, asked.count(table, f"token <> '' AND {alive}"), what)
    table = table_of("OAUTH2_PROVIDER_APPLICATION_MODEL", "oauth2_provider.Application", "oauth2_provider_application")
    clear = " AND ".join(["client_secret <> ''", *("client_secret NOT LIKE %s" for _prefix in HASHED)])
    yield from _found(audit, table, asked.count(table, clear, HASHED), "client secret| in the clear")


@rule(
    "peers.simplejwt",
    Severity.MEDIUM,
    title="Refresh tokens of simplejwt in the clear",
    why="token_blacklist keeps every refresh token whole: whoever reads the table can use those that still live.",
    fix="manage.py import_simplejwt",
    references=("ASVS 13.3.1", "CWE-312"),
)
def simplejwt(audit: Audit) -> Iterator[Finding]:
    table = "token_blacklist_outstandingtoken"
    black = "token_blacklist_blacklistedtoken"
    alive = "token <> '' AND expires_at > CURRENT_TIMESTAMP"
    asked = audit.fact(tables)
    if black in asked.names:
        alive += f" AND id NOT IN (SELECT token_id FROM {black})"  # noqa: S608 - a constant
    yield from _found(audit, table, asked.count(table, alive), "refresh token| in the clear and still alive")


@rule(
    "peers.otp",
    Severity.HIGH,
    title="Seeds and static tokens of django-otp in the clear",
    why="Whoever has a copy of the database has these second factors, for as long as they exist.",
    fix="manage.py upgrade_otp_devices",
    references=("ASVS 13.3.1", "ASVS 6.5.2", "CWE-312"),
)
def otp(audit: Audit) -> Iterator[Finding]:
    asked = audit.fact(tables)
    for table, what in (
        ("otp_totp_totpdevice", "seed| of authenticator apps"),
        ("otp_hotp_hotpdevice", "seed| of counter tokens"),
        ("otp_static_statictoken", "static token|"),
    ):
        yield from _found(audit, table, asked.count(table), f"{what} in the clear")
