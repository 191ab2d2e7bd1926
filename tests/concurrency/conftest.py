"""A database that threads can share, and the means to run them against each other.

On PostgreSQL it is the suite's test database, really committed and emptied after each test; on SQLite a file of its own, because a
database in memory has one lock for all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from config.database import database as database_settings
from django.core.management import call_command
from django.db import connection, connections
from pytest_django.plugin import DjangoDbBlocker

ON_POSTGRESQL = connection.vendor == "postgresql"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not ON_POSTGRESQL:
        skip = pytest.mark.skip(reason="needs PostgreSQL: set DATABASE_URL, or run scripts/with_postgres.py")
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("postgres"):
                item.add_marker(skip)


class SQLiteFile:
    """Points `connections["default"]` of every thread at another SQLite file for a while."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.before = (connections.settings["default"], connections["default"])
        wanted = {**self.before[0], **database_settings("", path), "TEST": self.before[0]["TEST"]}
        wanted["OPTIONS"] = {**wanted["OPTIONS"], **options}
        self.settings = wanted

    def __enter__(self) -> None:
        connections.settings["default"] = self.settings
        del connections["default"]

    def __exit__(self, *_error: object) -> None:
        connections["default"].close()
        connections.settings["default"], connections["default"] = self.before


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    with django_db_blocker.unblock(), SQLiteFile(path):
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


if ON_POSTGRESQL:

    @pytest.fixture
    def db(transactional_db: None) -> None:
        """A database of which every thread sees what the others committed."""

else:

    @pytest.fixture
    def db(sqlite_template: Path, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
        """A database of which every thread sees what the others committed."""
        path = tmp_path / "shared.sqlite3"
        shutil.copy(sqlite_template, path)
        with django_db_blocker.unblock(), SQLiteFile(path):
            yield


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    """Every test here has it."""


@pytest.fixture
def api_access(settings: Any) -> Callable[..., None]:
    """`api_access(CACHE_SECONDS=30)`: changes entries of `API_ACCESS` for this test."""

    def change(**entries: Any) -> None:
        settings.API_ACCESS = {**settings.API_ACCESS, **entries}

    return change
