"""What all commands have in common."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import load_command_class

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "create_service_account",
    "create_api_key",
    "list_api_keys",
    "rotate_api_keys",
    "revoke_api_keys",
    "narrow_api_keys",
    "change_api_keys",
    "revoke_tokens",
    "import_api_keys",
    "sync_scopes",
    "export_roles",
    "import_roles",
    "grant",
    "ungrant",
    "prune_access",
    "send_reminders",
    "credential_report",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_with_the_commands_own_name(name):
    command = load_command_class("django_apiaccess", name)
    text = command.create_parser("manage.py", name).format_help()
    assert f"Examples:\n  manage.py {name}" in text or f"manage.py {name}" in text.partition("Examples:\n")[2]
    assert command.name == name
    assert max(map(len, text.partition("Examples:")[0].splitlines())) <= 100


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"export_roles", "credential_report"}])
def test_every_command_that_prints_rows_takes_format_json(name):
    text = load_command_class("django_apiaccess", name).create_parser("manage.py", name).format_help()
    assert "--format {table,json}" in text


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.servers
def test_the_exit_status_is_one_for_every_error_and_errors_go_to_stderr(tmp_path):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.projects.file_database",
        "PROJECT_DATABASE": str(tmp_path / "db.sqlite3"),
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": "",
    }

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "django", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    unmigrated = manage("list_api_keys")
    assert unmigrated.returncode == 1
    assert "manage.py migrate" in unmigrated.stderr
    wrong_option = manage("create_api_key", "--nonsense")
    assert (wrong_option.returncode, wrong_option.stdout) == (1, "")
    assert "usage:" in wrong_option.stderr
    manage("migrate", "-v0")
    unknown = manage("list_api_keys", "--user", "nobody")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "Unknown user 'nobody'" in unknown.stderr
    assert "Traceback" not in unknown.stderr + wrong_option.stderr + unmigrated.stderr
    fine = manage("list_api_keys", "--format", "json")
    assert (fine.returncode, fine.stdout) == (0, "[]\n")


def test_a_reader_that_has_enough_ends_the_command_without_a_traceback(tmp_path):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}
    script = (
        "import sys, django; django.setup(); from django_apiaccess.management.commands.show_access import Command; "
        "Command.run = lambda self, options: [self.stdout.write('x' * 99) for _line in range(99_999)]; "
        "Command(sys.stdout, sys.stderr).run_from_argv(['manage.py', 'show_access', '--skip-checks'])"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline().startswith("xxx")
    running.stdout.close()
    assert running.wait(60) == 1
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()
