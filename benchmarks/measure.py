"""Measuring: one request through the whole of Django, CPU of both sides, interleaved rounds, medians."""

from __future__ import annotations

import gc
import io
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "REQUEST_METHOD": "GET",
    "SERVER_NAME": "testserver",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "HTTP_HOST": "testserver",
    "HTTP_ACCEPT": "*/*",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.errors": sys.stderr,
}


@cache
def _handler() -> Any:
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def call(path: str, header: Mapping[str, str]) -> int:
    """One request as a WSGI server makes it: signals, middleware, view, rendering, close. Returns the status."""
    statuses: list[str] = []
    environment = {**ENVIRONMENT, "PATH_INFO": path, **header, "wsgi.input": io.BytesIO(b"")}
    response = _handler()(environment, lambda status, _headers, _error=None: statuses.append(status))
    for _chunk in response:
        pass
    response.close()
    return int(statuses[0][:3])


class ServerSide:
    """CPU seconds of the PostgreSQL process behind a connection (from /proc: Linux, same machine, same user or root); else 0."""

    def __init__(self, connection: Any) -> None:
        self._statistics: Path | None = None
        if connection.vendor == "postgresql":
            connection.ensure_connection()
            found = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
            self._statistics = found if found.exists() else None

    @property
    def known(self) -> bool:
        return self._statistics is not None

    def seconds(self) -> float:
        if self._statistics is None:
            return 0.0
        return int(self._statistics.read_text().split()[0]) / 1e9


@dataclass
class Series:
    """Samples of one contender, in microseconds a request."""

    client: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def total(self) -> list[float]:
        return [client + server for client, server in zip(self.client, self.server, strict=True)]

    def over(self, base: Series) -> list[float]:
        """What is added over another contender, round by round: load that comes and goes hits both."""
        return [mine - theirs for mine, theirs in zip(self.total, base.total, strict=True)]


def take_sample(series: Series, function: Callable[[], Any], times: int, server: ServerSide) -> None:
    """Run `function` some times and note what each run cost."""
    gc.collect()
    server_before, wall, client = server.seconds(), time.perf_counter(), time.process_time()
    for _ in range(times):
        function()
    client, wall = time.process_time() - client, time.perf_counter() - wall
    time.sleep(0.0005)  # the server tidies up after its answer
    series.client.append(client / times * 1e6)
    series.wall.append(wall / times * 1e6)
    series.server.append((server.seconds() - server_before) / times * 1e6)


def times_for(function: Callable[[], Any], seconds: float = 0.15) -> int:
    """How often `function` runs in about so many seconds."""
    function()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds / 3:
        function()
        count += 1
    return max(1, count * 3)


def spread(values: list[float]) -> str:
    """`median (least..most)`, rounded."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}..{max(values):,.0f})"
