"""django-oauth-toolkit beside us: the real package, in projects of their own, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.servers]


def passes(behaviour, project, **environment):
    for package in ("oauth2_provider", "requests_oauthlib", "authlib"):
        pytest.importorskip(package)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *options, f"--ds=tests.contrib.{project}", f"tests/contrib/{behaviour}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("storage", ["plain", pytest.param("hashed", marks=pytest.mark.once)])
def test_its_living_tokens_are_accepted_read_only(storage):
    passes("dot_behaviour.py", "dot_settings", DOT_STORAGE=storage)


def test_its_applications_become_clients():
    passes("dot_import_behaviour.py", "dot_settings")


def test_clients_that_move_never_notice():
    passes("dot_move_behaviour.py", "dot_settings")


def test_they_are_accepted_where_its_models_are_swapped():
    passes("dot_swapped_behaviour.py", "dot_swapped_settings")
