"""Filling a database with keys whose texts are known, by bulk SQL: a million in a minute or two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

GROUPS = 1000
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)


def key_text(number: int) -> str:
    """The text of the key with that number: made like a real one, but not secret."""
    from django_apiaccess.core.secrets import ID_LENGTH, SECRET_LENGTH, base62, checksum

    scattered = number * 0x9E3779B97F4A7C15 % 62**ID_LENGTH  # neighbours in time are no neighbours in the index
    body = f"ak_{base62(scattered, ID_LENGTH)}_{base62(scattered * number, SECRET_LENGTH)}"
    return body + checksum(body)


def seed(connection: Any, count: int) -> None:
    """`count` users, each with one key, one direct grant of the role `clerk` and one group; the groups hold roles too."""
    from django.contrib.auth.models import Group, User

    from django_apiaccess.conf import access_settings
    from django_apiaccess.core import digests
    from django_apiaccess.events.source import Actor
    from django_apiaccess.keys.models import APIKey, APIKeySecret
    from django_apiaccess.roles import service as roles
    from django_apiaccess.roles.models import Grant

    by = Actor.command("benchmark")
    clerk = roles.save_role(name="clerk", scopes=["shop:read"], by=by).pk
    member = roles.save_role(name="member", scopes=["shop:read"], by=by).pk
    groups = min(GROUPS, count)
    numbers = range(1, count + 1)
    peppers = access_settings.PEPPERS

    def users() -> Iterator[tuple[Any, ...]]:
        for number in numbers:
            yield number, "!", False, f"user{number}", "", "", "", False, True, CREATED

    def secrets() -> Iterator[tuple[Any, ...]]:
        for number in numbers:
            text = key_text(number)
            yield number, number, text.split("_")[1], digests.make(text, peppers), CREATED

    columns = (
        "id",
        "password",
        "is_superuser",
        "username",
        "first_name",
        "last_name",
        "email",
        "is_staff",
        "is_active",
    )
    copy(connection, User, (*columns, "date_joined"), users())
    copy(connection, Group, ("id", "name"), ((number, f"group{number}") for number in range(1, groups + 1)))
    through = User.groups.through
    copy(connection, through, ("user_id", "group_id"), ((number, number % groups + 1) for number in numbers))
    keys = ((n, f"key {n}", n, "shop:read", CREATED, FAR) for n in numbers)
    columns = ("id", "name", "principal_id", "scopes", "created_at", "expires_at")
    copy(connection, APIKey, columns, keys)
    copy(connection, APIKeySecret, ("id", "key_id", "public_id", "digest", "created_at"), secrets())
    columns = ("user_id", "group_id", "role_id", "object_id", "reason", "created_at")
    copy(connection, Grant, columns, ((number, None, clerk, "", "", CREATED) for number in numbers))
    copy(connection, Grant, columns, ((None, number, member, "", "", CREATED) for number in range(1, groups + 1)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def copy(connection: Any, model: Any, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows into the table of `model`: COPY on PostgreSQL, one transaction of INSERTs on SQLite. Columns not named get their default."""
    left = [
        each for each in model._meta.concrete_fields if not (each.column in columns or each.null or each.primary_key)
    ]
    defaults = tuple(each.get_default() for each in left)
    columns, rows = (*columns, *(each.column for each in left)), ((*row, *defaults) for row in rows)
    table, names = connection.ops.quote_name(model._meta.db_table), ", ".join(map(connection.ops.quote_name, columns))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as target:
                for row in rows:
                    target.write_row(row)
            return
    from django.db import transaction

    places = ", ".join(["%s"] * len(columns))
    adapted = (tuple(str(value) if isinstance(value, datetime) else value for value in row) for row in rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", adapted)
