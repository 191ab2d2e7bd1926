"""Databases for measuring, made and dropped here. They never touch one that was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def setup() -> None:
    """Django, with the project of this folder."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()


@contextmanager
def fresh(name: str) -> Iterator[Any]:
    """A new, migrated database called `name` behind the default connection; dropped at the end. Yields the connection."""
    from django.core.management import call_command
    from django.db import connections

    old = connections["default"]
    with TemporaryDirectory(prefix="apiaccess-bench-") as folder:
        if old.vendor == "postgresql":
            _admin(old, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
            place = {"NAME": name, **_socket(old)}
        else:
            place = {"NAME": str(Path(folder) / f"{name}.sqlite3")}
        new = type(old)({**old.settings_dict, **place}, alias="default")
        connections["default"] = new
        try:
            call_command("migrate", verbosity=0)
            yield new
        finally:
            new.close()
            connections["default"] = old
            if old.vendor == "postgresql":
                _admin(old, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _socket(connection: Any) -> dict[str, str]:
    """The server's unix socket instead of TCP, where both are on this machine: less noise, and the same for all contenders."""
    with connection._nodb_cursor() as cursor:  # noqa: SLF001 - how Django itself makes test databases
        cursor.execute("SELECT current_setting('unix_socket_directories'), current_setting('port')")
        folders, port = cursor.fetchone()
    for folder in folders.split(","):
        if Path(folder.strip(), f".s.PGSQL.{port}").exists():
            return {"HOST": folder.strip(), "PORT": port}
    return {}


def _admin(connection: Any, *statements: str) -> None:
    with connection._nodb_cursor() as cursor:  # noqa: SLF001 - how Django itself makes test databases
        for statement in statements:
            cursor.execute(statement)
