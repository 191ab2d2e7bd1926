"""A fresh database with the bookshop in it, and server processes on it.

On PostgreSQL where DATABASE_URL names it (a database of our own, dropped afterwards), else on a SQLite file. What needs Redis takes
REDIS_URL, or else starts a `redis-server` itself.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from .processes import Redis, Server, Shell, environment

NO_REDIS = "*** WITHOUT REDIS: no redis-server found, set REDIS_URL or install Debian's package redis-server ***"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables that name a new, empty database, and counters of its own in a cache."""
    name = f"apiaccess_servers_{os.getpid()}_{secrets.token_hex(4)}"
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        yield {"SQLITE_FILE": str(tmp_path_factory.mktemp("servers") / "shop.sqlite3"), "CACHE_PREFIX": name}
        return
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            yield {"DATABASE_URL": own, "CONN_MAX_AGE": "60", "CACHE_PREFIX": name}
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def shell(database: dict[str, str]) -> Iterator[Shell]:
    """The administrator's process, on a database that is migrated and seeded."""
    running = Shell(environment(**database, API_ACCESS='{"CACHE_SECONDS": 30, "MAX_REVOCATION_LAG": 1}'))
    running.prepare()
    yield running
    running.close()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis, empty where it is our own."""
    if os.environ.get("REDIS_URL"):
        yield os.environ["REDIS_URL"]
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(NO_REDIS)
    own = Redis(program, tmp_path_factory.mktemp("redis"))
    yield own.url
    own.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that the test may kill."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(NO_REDIS)
    own = Redis(program, tmp_path)
    yield own
    own.kill()


def end(servers: list[Server]) -> None:
    """Stop them; nothing unforeseen may have happened in any."""
    for server in servers:
        server.stop()
    for server in servers:
        assert "Traceback" not in server.log, server.log


@pytest.fixture
def start(shell: Shell, database: dict[str, str]) -> Iterator[Callable[..., list[Server]]]:
    """`start(2, REDIS_URL=...)`: that many server processes, ready; stopped afterwards."""
    running: list[Server] = []

    def begin(number: int = 1, **changes: str) -> list[Server]:
        servers = [Server(environment(**database, **changes)).start() for _server in range(number)]
        running.extend(servers)
        return [server.ready() for server in servers]

    yield begin
    end(running)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, shell: Shell, database: dict[str, str]) -> Iterator[list[Server]]:
    """Two server processes, shared by the tests of a file; its `API_ACCESS` is laid over the example project's own."""
    changes = json.dumps(getattr(request.module, "API_ACCESS", {}))
    servers = [Server(environment(**database, API_ACCESS=changes)).start() for _server in range(2)]
    yield [server.ready() for server in servers]
    end(servers)


@pytest.fixture
def issue(shell: Shell) -> Callable[..., dict[str, Any]]:
    """`issue(rate="5/min")`: a key of a new person: `id`, `text`, `user`."""

    def make(**fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = shell.issue(name=f"user-{secrets.token_hex(4)}", **fields)
        return made

    return make
