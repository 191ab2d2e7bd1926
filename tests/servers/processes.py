"""Server processes, the administrator's shell, and a client: what the tests of this folder drive."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ORDERS = "/api/orders/"


def environment(**changes: str) -> dict[str, str]:
    """For a process of the bookshop: from the package of this checkout, with nothing of the developer's own project."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"REDIS_URL", "PEPPERS", "SECRET_KEY", "API_ACCESS"}
    }
    paths = os.pathsep.join([str(ROOT), str(ROOT / "example_project")])
    return kept | {"DJANGO_SETTINGS_MODULE": "tests.projects.served", "PYTHONPATH": paths} | changes


@dataclass
class Answer:
    """One response."""

    status: int
    body: Any
    headers: dict[str, str] = field(repr=False)


@dataclass
class Server:
    """One server process on loopback: `command` if it is given (it must then listen on `port`), else `serve`."""

    env: dict[str, str] = field(repr=False)
    command: Sequence[str] = field(default=("-m", "tests.servers.serve"), repr=False)
    port: int = 0
    log: str = field(default="", repr=False)
    """What it wrote to standard error, once it has ended."""
    process: Any = field(default=None, repr=False)

    def start(self) -> Server:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if self.port else subprocess.PIPE,
            stderr=self.errors,
            text=True,
            start_new_session=True,
        )
        return self

    def ready(self) -> Server:
        """Wait until it listens."""
        if self.port:
            until(self.listens, 20)
            return self
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise AssertionError(self.log)
        self.port = int(line)
        return self

    def listens(self) -> bool:
        try:
            return self.status(path="/api/books/") == 200
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code as `subprocess` gives it."""
        if self.errors.closed:
            return int(self.process.returncode)
        self.process.send_signal(number)
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()
            self.process.communicate()
            self.errors.seek(0)
            self.log = self.errors.read()
            self.errors.close()
        return int(self.process.returncode)

    def ask(self, key: str = "", path: str = ORDERS, method: str = "GET") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={"Authorization": f"Api-Key {key}"} if key else {})
            response = connection.getresponse()
            text = response.read()
            body = json.loads(text) if "json" in response.headers.get_content_type() else text
            return Answer(response.status, body, dict(response.headers))
        finally:
            connection.close()

    def status(self, key: str = "", path: str = ORDERS, method: str = "GET") -> int:
        return self.ask(key, path, method).status


class Shell:
    """The administrator's process: `shell.revoke(key=1)`."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.shell"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.process.stdin.write(json.dumps([name, arguments]) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            assert line, f"the shell died at {name}"
            return json.loads(line)

        return call

    def close(self) -> None:
        self.process.communicate(timeout=20)


class Redis:
    """A Redis server of a test's own, to be killed."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [
            self.program,
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def in_parallel(servers: Sequence[Server], key: str, times: int, threads: int = 4, path: str = ORDERS) -> list[Answer]:
    """`times` requests, shared out over the servers, by `threads` clients for each of them."""
    with ThreadPoolExecutor(threads * len(servers)) as pool:
        return list(pool.map(lambda number: servers[number % len(servers)].ask(key, path), range(times)))
