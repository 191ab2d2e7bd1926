"""What `with_postgres.py`, `with_redis.py` and `demo.py` share: free ports, signals, and running a command to its end."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 10.0  # seconds that a process is given to stop by itself


class Unavailable(Exception):
    """The server cannot be started here; the message says why and what to do."""


def exit_on_signals() -> None:
    """Turn every stopping signal into SystemExit, so that `finally` blocks run."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in STOPPING:
        signal.signal(number, leave)


def ignore_signals() -> None:
    """For the time of tidying up: a second Ctrl-C must not leave a server behind."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def free_port() -> int:
    """Return a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(ready: object, process: subprocess.Popen[bytes], seconds: float = 30.0) -> bool:
    """Call `ready` until it is true; False when the process ended or the time is over."""
    assert callable(ready)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if ready():
            return True
        time.sleep(0.05)
    return False


def stop(process: subprocess.Popen[bytes], *numbers: signal.Signals) -> None:
    """Send the signals one after the other, each with time to work, and SIGKILL at last."""
    for number in (*numbers, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            continue


def run_to_end(command: list[str], env: dict[str, str]) -> int:
    """Run the command in the foreground and return its exit code as a shell would give it.

    Ctrl-C in a terminal reaches the command by itself (same process group), so SIGINT is only waited on; SIGTERM and
    SIGHUP come to this process alone and are passed on.
    """
    interrupted: list[float] = []
    waiting: list[signal.Signals] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        interrupted.append(time.monotonic())
        if number == signal.SIGINT:
            return
        if child is None:
            waiting.append(signal.Signals(number))
        else:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in STOPPING}
    try:
        try:
            child = subprocess.Popen(command, env=env)
        except OSError as error:
            print(f"Cannot run {command[0]}: {error.strerror}.", file=sys.stderr)
            return 127
        for number in waiting:
            child.send_signal(number)
        while True:
            try:
                code = child.wait(0.5)
            except subprocess.TimeoutExpired:
                if interrupted and time.monotonic() - interrupted[0] > PATIENCE:
                    stop(child, signal.SIGTERM)
                continue
            return 128 - code if code < 0 else code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def unprivileged() -> pwd.struct_passwd | None:
    """The account that a server runs as when this process is root, else None (run as we are)."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as.")


def temporary_root() -> str | None:
    """Where a temporary folder can be reached by another user: root's own TMPDIR may be closed to it."""
    return "/tmp" if os.geteuid() == 0 and Path("/tmp").is_dir() else None  # noqa: S108 - only the parent of mkdtemp
