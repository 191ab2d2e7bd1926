"""A reader at a terminal: follows a page from top to bottom, in a temporary folder, and compares what the page shows.

* A Python, YAML or other file block names its file in its first line (`# shop/models.py`); it is written, or put at the end
  (`# ..., at the end`).
* A console block's commands run one after the other in one shell. Shown output must come, with `...` for anything (a line of its
  own: any lines). A command whose shown output begins with an error, or with a refusal of `explain_access`, must fail; every other one
  must succeed.
* `ak_...` in a command is the key that was printed last: what a reader would paste.
* `runserver` is started in the background on a free port, and again when a file was written since. 127.0.0.1:8000 means that port.
* Making a virtual environment and `pip install` are left out: `python` is the interpreter of the tests.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from .pages import Block, Step

KEY = re.compile(r"\bak_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b")
SKIPPED = re.compile(r"python3 -m venv |(\.|source) \.venv/|pip install ")
FAILURE = re.compile(r"(Command)?Error|.*: refused \(")
ADDRESS = "127.0.0.1:8000"
END = "==end-of-command=="
FILES = {"python", "yaml", "text", "html"}


class SnippetError(AssertionError):
    """A snippet of a page does not do what the page says."""


class Terminal:
    """One shell in one folder, with at most one server beside it. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ""
        self.port = _free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self.server_is_stale = False
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "DATABASE_URL", "COV_", "REDIS_"))
        }
        env |= {"PYTHON": sys.executable, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        self.env = env
        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.run('python() { "$PYTHON" "$@"; }; django-admin() { "$PYTHON" -m django "$@"; }')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop_server()
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.close()
        self.shell.wait(timeout=10)
        self.shell.stdout.close()

    def follow(self, block: Block) -> None:
        """Do what one block of a page says."""
        if block.language == "console":
            for step in block.steps():
                self.do(step)
        elif block.language in FILES:
            self.write(block)
        else:
            raise SnippetError(
                f"{block}: no reader could follow a {block.language!r} block: show a console, or a file named in its first line."
            )

    def write(self, block: Block) -> None:
        """Write a block to its file, or to the end of it."""
        if block.file is None:
            raise SnippetError(f"{block}: the block does not say which file it is.")
        path = self.place / block.file
        if block.appends:
            if not path.exists():
                raise SnippetError(f"{block}: there is no {block.file} to add to.")
            path.write_text(f"{path.read_text()}\n{block.text}")
        elif not path.parent.is_dir():
            raise SnippetError(f"{block}: there is no folder for {block.file}.")
        else:
            path.write_text(block.text)
        self.server_is_stale = self.server is not None

    @property
    def place(self) -> Path:
        """The folder in which the reader is now."""
        return Path(self.run("pwd")[1].strip())

    def do(self, step: Step) -> None:
        """Run a command and compare its output."""
        if SKIPPED.match(step.command):
            return
        if step.command.startswith("python manage.py runserver"):
            self._start_server(step.where)
            return
        if self.server_is_stale:
            self._stop_server()
            self._start_server(step.where)
        command = step.command
        if "ak_..." in command:
            if not self.key:
                raise SnippetError(f"{step.where}: no key was printed before.")
            command = command.replace("ak_...", self.key)
        code, output = self.run(command)
        printed = KEY.findall(output)
        if printed:
            self.key = printed[-1]
        should_fail = bool(step.output) and FAILURE.match(step.output[0]) is not None
        if (code != 0) != should_fail:
            raise SnippetError(f"{step.where}: exit code {code}\n$ {command}\n{output}")
        if step.output and not matches(step.output, output):
            shown = "\n".join(step.output)
            raise SnippetError(
                f"{step.where}: the page shows other output\n$ {command}\n--- page\n{shown}\n--- got\n{output}"
            )

    def run(self, command: str) -> tuple[int, str]:
        """Run one command in the shell: its exit code, and what it wrote (to both streams)."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        command = command.replace(ADDRESS, f"127.0.0.1:{self.port}")
        self.shell.stdin.write(f"{{ {command}\n}} </dev/null\ncode=$?; echo; echo {END} $code\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.startswith(END):
                output = "".join(lines).removesuffix("\n")
                return int(line.split()[-1]), output.replace(f"127.0.0.1:{self.port}", ADDRESS)
            lines.append(line)
        raise SnippetError(f"The shell ended at: {command}")

    def _start_server(self, where: str) -> None:
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"]
        log = self.folder / ".server.log"
        with log.open("ab") as stream:
            self.server = subprocess.Popen(
                command,
                cwd=self.place,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while time.monotonic() < end and self.server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    self.server_is_stale = False
                    return
            time.sleep(0.05)
        raise SnippetError(f"{where}: the server does not answer\n{log.read_text()}")

    def _stop_server(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=10)
            self.server = None


def matches(shown: list[str], output: str) -> bool:
    """Whether `output` is what the page shows. `...` within a line stands for any text there, a line of `...` for any lines."""
    parts = []
    for line in shown:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(piece) for piece in line.rstrip().split("...")) + r"[ ]*\n")
    return re.fullmatch("".join(parts), output.strip("\n") + "\n") is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
