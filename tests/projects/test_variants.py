"""The app in projects with less and with more than the suite's own: it starts, passes Django's checks, and guards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


ABOUT_THE_TEST_VIEWS = {"apiaccess.W021", "apiaccess.W022"}
"""The test app has views that are undeclared and unguarded on purpose."""


def run(tmp_path, project, *command):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"tests.projects.{project}",
        "VARIANT_DATABASE": str(tmp_path / "db.sqlite3"),
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("project", ["minimal", "full", "no_extras"])
def test_a_project_with_less_or_more_than_usual_is_guarded_alike(tmp_path, project):
    done = run(tmp_path, project, "tests.projects.variant")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {message.split()[0] for message in found["checks"]} <= ABOUT_THE_TEST_VIEWS
    assert found["me"] == ["docs:read"]
    assert found["opened"] == [200, 200, 429]  # me/ was the first of three
    assert found["closed"] == "insufficient_scope"
    assert found["uses"] == 5
    assert found["revoked"] == 401
    assert found.get("admin") == (None if project == "minimal" else 200)
    assert found["prefix"] == ("shop" if project == "full" else "ak")
