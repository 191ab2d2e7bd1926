"""`manage.py audit_access`: options, exit codes, files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_apiaccess import PUBLIC

from .planted.endpoints import view
from .project import Project

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCTION = """
import os
os.environ.update(
    DEBUG="0",
    SECRET_KEY="q8Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6Wy5Vt8Ui1Oz3Kx",
    PEPPERS="Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6LmQwE",
    ALLOWED_HOSTS="api.bookshop.example",
    ISSUER="https://api.bookshop.example",
)
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from config.settings import *


class Quicker(PBKDF2PasswordHasher):
    iterations = 120_000


DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^access/"]
SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SINK = {"BACKEND": "django_apiaccess.events.sinks.FileSink", "OPTIONS": {"checkpoints": "/nowhere/checkpoints"}}
PASSWORD_HASHERS = ["production.Quicker"]
API_ACCESS |= {"REQUIRE_TLS": True, "EVENTS": {"RETENTION": "400d", "SINKS": [SINK]}}
"""


def audit(*arguments: str) -> str:
    out = io.StringIO()
    call_command("audit_access", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def code(*arguments: str) -> int:
    try:
        audit(*arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_finding_something_alone_does_not_fail(project: Project) -> None:
    project.settings(DEBUG=True)
    assert code() == 0


@pytest.mark.parametrize(("limit", "expected"), [("critical", 0), ("high", 1), ("medium", 1), ("info", 1)])
def test_fail_on_fails_from_its_severity_on(project: Project, limit: str, expected: int) -> None:
    project.settings(DEBUG=True)
    assert code("--only", "settings.debug", "--fail-on", limit) == expected


def test_fail_on_counts_neither_known_nor_accepted_findings(project: Project, tmp_path: Path) -> None:
    project.settings(DEBUG=True)
    file = str(tmp_path / "baseline.json")
    audit("--only", "settings.debug", "--write-baseline", file)
    assert code("--only", "settings.debug", "--fail-on", "info", "--baseline", file) == 0
    project.access(AUDIT={"IGNORE": [{"rule": "settings.debug", "reason": "a demo"}]})
    assert code("--only", "settings.debug", "--fail-on", "info") == 0


def test_cf_02_a_new_open_view_fails_the_command_with_its_route(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--only", "endpoints", "--fail-on", "low")
    assert code(*arguments) == 0
    project.urls(view(permission_classes=[]))
    assert code(*arguments) == 1
    assert "/api/weak0/" in audit("--only", "endpoints")


def test_cf_02_a_view_that_is_open_on_purpose_passes(project: Project) -> None:
    project.urls(view(access={"read": PUBLIC, "write": "docs:write"}))
    assert code("--only", "endpoints", "--fail-on", "low") == 0


def test_only_takes_areas_and_rules(project: Project) -> None:
    data = json.loads(audit("--only", "events", "--only", "settings.debug", "--format", "json"))
    ids = {rule["id"] for rule in data["rules"]}
    assert "settings.debug" in ids
    assert {name.partition(".")[0] for name in ids - {"settings.debug"}} == {"events"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "endpoint"], "Did you mean 'endpoints'"),
        (["--fail-on", "hgih"], "use one of info, low, medium, high, critical"),
        (["--baseline", "nowhere.json"], "--write-baseline"),
        (["--output", "/no/such/folder/x.json"], "cannot be written"),
        (["--write-baseline", "/no/such/folder/x.json"], "cannot be written"),
    ],
)
def test_a_wrong_option_says_how_to_write_it(project: Project, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said.replace("'", ".")):
        audit(*arguments)


def test_the_list_of_rules_runs_none(project: Project, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        rows = json.loads(audit("--list-rules", "--format", "json"))
    assert {"id": "settings.debug", "severity": "high", "title": "DEBUG is on"} in rows


def test_a_file_is_written_whole_or_not_at_all(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "audit.json"
    file.write_text("before")
    file.chmod(0o640)

    def fails(report: Any, out: Any) -> None:
        out.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("django_apiaccess.audit.writers.json.write", fails)
    with pytest.raises(CommandError, match="No space left"):
        audit("--format", "json", "--output", str(file))
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name != "checkpoints"] == ["audit.json"]
    monkeypatch.undo()
    audit("--format", "json", "--output", str(file))
    assert json.loads(file.read_text())["version"] == 1
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_report_is_for_its_owner_alone(project: Project, tmp_path: Path) -> None:
    audit("--format", "html", "--output", str(tmp_path / "audit.html"))
    assert (tmp_path / "audit.html").stat().st_mode & 0o077 == 0


SEEDED = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("seed_demo", stdout=open(os.devnull, "w"))
call_command("audit_access", format="json", fail_on="low", only=["audit", "dependencies", "endpoints", "events", "settings"])
"""


def test_the_example_project_in_production_has_nothing_above_info(tmp_path: Path) -> None:
    (tmp_path / "production.py").write_text(PRODUCTION)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project"), str(tmp_path)]),
        "DJANGO_SETTINGS_MODULE": "production",
    }
    command = [sys.executable, "-c", f"import os{SEEDED}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    assert [finding for finding in data["findings"] if finding["severity"] != "info"] == []
    assert len(data["rules"]) > 40
