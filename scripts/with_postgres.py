"""Run a command with a private, temporary PostgreSQL server.

    python scripts/with_postgres.py -- python -m pytest

Makes a cluster in a temporary folder, reachable over a unix socket there and over a free loopback port, tells the command
about it in DATABASE_URL, takes everything down afterwards and exits as the command did. Where DATABASE_URL names a server
already, that one is used and none is started. Durability is switched off: for tests, never for data.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from servers import (
    Unavailable,
    exit_on_signals,
    free_port,
    ignore_signals,
    run_to_end,
    stop,
    temporary_root,
    unprivileged,
    wait_for,
)

DATABASE = "apiaccess"
FAST_AND_FRAGILE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


def binaries() -> Path | None:
    """The folder that has both `postgres` and `initdb`: PATH, then Debian's versions from the newest, then pg_config."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    folders += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            folders.append(Path(answer.stdout.strip()))
    for folder in folders:
        if all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
            return folder
    return None


class Cluster:
    """One temporary PostgreSQL cluster."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.data, self.log = folder / "data", folder / "server.log"
        self.server: subprocess.Popen[bytes] | None = None
        self.port = 0
        account = unprivileged()
        self.as_user: dict[str, object] = {"cwd": folder, "env": self.environment()}
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
            self.as_user |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    @staticmethod
    def environment() -> dict[str, str]:
        """Ours, without the PG* variables that would send the programs elsewhere."""
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_MESSAGES": "C"}

    def call(self, name: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end, out of a terminal's reach: Ctrl-C is ours to handle."""
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            [str(self.programs / name), *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            **self.as_user,
        )

    def create(self) -> None:
        """Make the cluster, in UTF-8, with an empty database in it."""
        for locale in ("C.UTF-8", "C"):  # C.UTF-8 knows upper and lower case beyond ASCII, but not every system has it
            made = self.call(
                "initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}",
                "--no-sync",
            )  # fmt: skip
            if made.returncode == 0:
                break
            shutil.rmtree(self.data, ignore_errors=True)
        else:
            raise Unavailable(f"initdb failed: {made.stderr.strip()}")
        made = self.call(
            "postgres", "--single", "-D", str(self.data), "postgres", given=f"CREATE DATABASE {DATABASE};\n"
        )
        if made.returncode != 0:
            raise Unavailable(f"Creating the database failed: {made.stderr.strip()}")

    def start(self) -> None:
        """Start the server, on another port when somebody took the free one in between."""
        for _attempt in range(3):
            self.port = free_port()
            options = {**FAST_AND_FRAGILE, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
            command = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
            for name, value in options.items():
                command += ["-c", f"{name}={value}"]
            with self.log.open("wb") as log:
                self.server = subprocess.Popen(  # type: ignore[call-overload]
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self.as_user
                )
            assert self.server is not None
            if wait_for(self.ready, self.server):
                return
            self.stop()
        raise Unavailable(f"PostgreSQL did not start: {self.log.read_text(errors='replace').strip()[-2000:]}")

    def ready(self) -> bool:
        """True once the server has written that it takes connections."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Stop the server: first the fast way that rolls back, then the immediate one."""
        if self.server is not None:
            stop(self.server, signal.SIGINT, signal.SIGQUIT)

    @property
    def url(self) -> str:
        """The value for DATABASE_URL."""
        return f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"


@contextlib.contextmanager
def cluster(programs: Path) -> Iterator[Cluster]:
    """A running cluster that is gone afterwards, however the block was left."""
    folder = Path(tempfile.mkdtemp(prefix="apiaccess-pg-", dir=temporary_root()))
    running: Cluster | None = None
    try:
        running = Cluster(folder, programs)
        running.create()
        running.start()
        yield running
    finally:
        ignore_signals()
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Parse the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optional", action="store_true", help="without a PostgreSQL server: warn, do nothing, exit 0")
    parser.add_argument("command", nargs="+", metavar="CMD", help="the command and its arguments, after --")
    options = parser.parse_args()
    if os.environ.get("DATABASE_URL"):
        return run_to_end(options.command, dict(os.environ))
    programs = binaries()
    if programs is None:
        skipped = "SKIPPED, nothing ran on PostgreSQL" if options.optional else "Cannot run"
        print(
            f"*** {skipped}: no `postgres` program found. Install Debian's package postgresql, or set DATABASE_URL. ***",
            file=sys.stderr,
        )
        return 0 if options.optional else 69
    exit_on_signals()
    try:
        with cluster(programs) as running:
            return run_to_end(options.command, os.environ | {"DATABASE_URL": running.url})
    except Unavailable as problem:
        print(f"*** {problem} ***", file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
