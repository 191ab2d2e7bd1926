"""`make demo`'s script, by itself in a folder: whoever pastes what it prints gets what it says."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.servers.processes import environment

from .pages import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.servers,
    pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl"),
]


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the demo prints once its server answers."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("scripts", "example_project"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.sqlite3*", "__pycache__"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment(PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    env = {name: value for name, value in env.items() if not name.startswith(("DJANGO_", "DATABASE_URL"))}
    log = folder / "errors.txt"
    with log.open("w") as errors:
        demo = subprocess.Popen(
            [sys.executable, "scripts/demo.py", "--port", str(port)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert demo.stdout is not None
    printed = ""
    try:
        for line in demo.stdout:
            printed += line
            if line.startswith("Passkeys work at"):
                break
        else:
            pytest.fail(f"The demo ended with {demo.wait()}:\n{printed}{log.read_text()}")
        yield printed
    finally:
        demo.send_signal(signal.SIGINT)
        demo.stdout.close()
        assert demo.wait(timeout=20) == 0, log.read_text()


def test_every_line_does_what_is_said_of_it(guide: str) -> None:
    lines = re.findall(r"^# (.+)\n(curl -s.+)$", guide, re.MULTILINE)
    assert len(lines) >= 10
    for said, line in lines:
        wanted = re.search(r": (4\d\d)\b", said)
        command = line.replace("curl -s", "curl -s -w '\\n%{http_code}'", 1)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
        body, _, status = done.stdout.rpartition("\n")
        assert status in ({wanted[1]} if wanted else {"200", "201"}), (said, line, done.stdout)
        assert body.startswith(("{", "[")), (said, body)


def test_everybodys_printed_password_logs_in(guide: str) -> None:
    base = re.search(r"^Admin (\S+)/admin/ ", guide, re.MULTILINE)
    assert base is not None
    people = dict(re.findall(r"^  (\w+) +(\S+)$", guide, re.MULTILINE))
    assert {"sue", "finn", "mara"} <= set(people)
    for name, password in people.items():
        done = subprocess.run(
            ["curl", "-s", "-d", f"username={name}&password={password}", f"{base[1]}/access/token/"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert '"access_token":' in done.stdout or '"code":"mfa_' in done.stdout, (name, done.stdout)
