"""Run a command with a private, temporary Redis server.

    python scripts/with_redis.py -- python -m pytest

Starts `redis-server` on a free loopback port, keeping nothing on disk, tells the command about it in REDIS_URL, takes it down
afterwards and exits as the command did. Where REDIS_URL names a server already, that one is used. Where there is no
`redis-server`, the command runs without REDIS_URL, after a warning.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from servers import Unavailable, exit_on_signals, free_port, ignore_signals, run_to_end, stop, wait_for


def answers(port: int) -> bool:
    """True once the server answers a PING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7).startswith(b"+PONG")
    except OSError:
        return False


@contextlib.contextmanager
def redis(program: str) -> Iterator[str]:
    """The URL of a running server that is gone afterwards, however the block was left."""
    folder = tempfile.mkdtemp(prefix="apiaccess-redis-")
    server: subprocess.Popen[bytes] | None = None
    try:
        for _attempt in range(3):
            port = free_port()
            server = subprocess.Popen(
                [
                    program,
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    str(port),
                    "--dir",
                    folder,
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            if wait_for(lambda port=port: answers(port), server):
                break
            stop(server, signal.SIGTERM)
        else:
            raise Unavailable("redis-server did not start.")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        ignore_signals()
        if server is not None:
            stop(server, signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Parse the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="+", metavar="CMD", help="the command and its arguments, after --")
    options = parser.parse_args()
    program = shutil.which("redis-server")
    if os.environ.get("REDIS_URL") or program is None:
        if not os.environ.get("REDIS_URL"):
            print(
                "*** WITHOUT REDIS: no `redis-server` found. Install Debian's package redis-server. ***",
                file=sys.stderr,
            )
        return run_to_end(options.command, dict(os.environ))
    exit_on_signals()
    try:
        with redis(program) as url:
            return run_to_end(options.command, os.environ | {"REDIS_URL": url})
    except Unavailable as problem:
        print(f"*** {problem} ***", file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
