"""Moving from simplejwt and from knox: clients that keep their tokens, and never notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import __file__ as here

ROOT = Path(here).resolve().parents[2]
pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.fixture
def stage(tmp_path):
    """`stage("after", "knox")`: what the clients met."""

    def run(name, project):
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"tests.projects.{project}",
            "STAGE": name,
            "STATE": str(tmp_path / "clients.json"),
            "VARIANT_DATABASE": str(tmp_path / "db.sqlite3"),
        }
        command = [sys.executable, "-m", "tests.projects.coming"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_client_of_simplejwt_keeps_its_tokens_and_never_notices(stage):
    pytest.importorskip("rest_framework_simplejwt")
    quiet = {"read": 200, "verify": [200, 200], "refresh": [200] * 4, "logged out": 401, "logins": 1}
    assert stage("before", "simplejwt") == quiet
    assert stage("beside", "simplejwt") == quiet
    assert stage("after", "simplejwt") == {
        **quiet,
        "me": ["docs:read"],
        "slept": [200, 200],
        "log in anew": 200,
        "log out": [200, 401],
    }
    assert stage("over", "simplejwt") == {**quiet, "logged out": 200, "old tokens": 401}


def test_a_client_of_knox_keeps_its_token_and_never_notices(stage):
    pytest.importorskip("knox")
    quiet = {"read": [200, 200], "logins": 1}
    assert stage("before", "knox") == quiet
    assert stage("beside", "knox") == quiet
    assert stage("after", "knox") == {
        **quiet,
        "log out": [204, 401],
        "log in anew": [["expiry", "logins", "token"], 200],
        "everywhere": [204, 401, 401],
    }
    assert stage("over", "knox") == quiet
