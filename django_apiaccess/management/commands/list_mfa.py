"""`manage.py list_mfa`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from ...mfa import overview
from ..base import AccessCommand
from ..output import Column

BATCH = 500
COLUMNS = (
    Column("user", whole=True),
    Column("staff"),
    Column("superuser"),
    Column("factors"),
    Column("recovery_codes", "recovery codes"),
    Column("last_used_at", "last used"),
    Column("last_login", "last log-in"),
)


class Command(AccessCommand):
    """Who has which second factors."""

    name = "list_mfa"
    help = (
        "Lists the active people who have a second factor and of which kinds, or with --without those who have none: never a seed, a code "
        "or a phone number. Recovery codes alone count as none. Service accounts are left out: nobody logs in as one."
    )
    example = """
manage.py list_mfa
manage.py list_mfa --without --staff
manage.py list_mfa --without --format json | jq -r '.[].user'
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--without", action="store_true", help="Those who have no second factor.")
        parser.add_argument("--staff", action="store_true", help="Staff and superusers only.")

    def run(self, options: dict[str, Any]) -> None:
        people = overview.people()
        if options["staff"]:
            people = people.filter(overview.staff())
        has = overview.with_factor()
        people = people.exclude(has) if options["without"] else people.filter(has)
        rows = self._rows(people.order_by(get_user_model().USERNAME_FIELD, "pk"))
        if options["format"] == "table":
            rows = list(rows)
            if not rows:
                self.note("Nobody matches.")
                return
        self.print_rows(COLUMNS, rows, options)

    @staticmethod
    def _rows(people: Any) -> Any:
        batch: list[Any] = []
        for person in people.iterator(chunk_size=BATCH):
            batch.append(person)
            if len(batch) == BATCH:
                yield from described(batch)
                batch = []
        yield from described(batch)


def described(batch: list[Any]) -> Iterator[dict[str, Any]]:
    """The rows of some people."""
    found = overview.owners([person.pk for person in batch])
    for person in batch:
        owner = found[person.pk]
        yield {
            "user": person.get_username(),
            "staff": bool(getattr(person, "is_staff", False)),
            "superuser": bool(getattr(person, "is_superuser", False)),
            "factors": owner.types,
            "recovery_codes": owner.recovery_codes,
            "last_used_at": owner.last_used_at,
            "last_login": getattr(person, "last_login", None),
        }
