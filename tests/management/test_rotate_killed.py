"""A rotation that is killed: every key works, every line of its file is true, and it can be run again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
KEYS = 2500

PREPARE = f"""
import django; django.setup()
import json, sys
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from django_apiaccess.conf import access_settings
from django_apiaccess.core import digests, secrets
from django_apiaccess.models import APIKey, APIKeySecret
call_command("migrate", verbosity=0)
user = get_user_model().objects.create(username="ann")
keys = APIKey.objects.bulk_create([APIKey(name=f"key {{n}}", principal=user, scopes=["docs:read"]) for n in range({KEYS})])
made = [secrets.make_key("ak") for _ in keys]
APIKeySecret.objects.bulk_create(
    APIKeySecret(key=key, public_id=text.id, digest=digests.make(text.text, access_settings.PEPPERS)) for key, text in zip(keys, made)
)
json.dump({{key.pk: text.text for key, text in zip(keys, made)}}, sys.stdout)
"""

VERIFY = """
import django; django.setup()
import json, sys
from django.utils import timezone
from django_apiaccess.authn.kinds import Client, Presented
from django_apiaccess.core.access import Access
from django_apiaccess.events.source import Where
from django_apiaccess.exceptions import InvalidCredential
from django_apiaccess.keys.credential import APIKeyKind, check_restrictions
kind, answers = APIKeyKind(), []
for text in json.load(sys.stdin):
    try:
        row = kind.verify(Presented("api-key", text))
        check_restrictions(row, Client(Where()), timezone.now())
        answers.append(row.key_id)
    except InvalidCredential as error:
        answers.append(error.reason.value)
json.dump(answers, sys.stdout)
"""


class Project:
    """A project in processes of its own, on a database of its own."""

    def __init__(self, folder: Path, schema: str) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.projects.file_database",
            "PYTHONPATH": str(ROOT),
            "PROJECT_DATABASE": str(connection.settings_dict["NAME"]) if schema else str(folder / "keys.sqlite3"),
            "PROJECT_SCHEMA": schema,
        }

    def python(self, code: str, given: object = None) -> object:
        """Run a piece of Python that speaks JSON."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(given),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rotate(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "django", "rotate_api_keys", "--all", "--output", str(self.folder / name)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def output_size(self, name: str) -> int:
        file = self.folder / name
        return file.stat().st_size if file.exists() else 0

    def output(self, name: str) -> dict[int, str]:
        """The file as a program reads it: every line must be JSON, also where the writer was killed."""
        file = self.folder / name
        lines = file.read_text().splitlines() if file.exists() else []
        return {row["id"]: row["key"] for row in map(json.loads, lines)}

    def works(self, texts: dict[int, str]) -> None:
        """Every text is that key, now."""
        answers = self.python(VERIFY, list(texts.values()))
        assert isinstance(answers, list)
        wrong = {pk: answer for pk, answer in zip(texts, answers, strict=True) if answer != pk}
        assert not wrong, f"{len(wrong)} of {len(texts)} keys do not work: {dict(list(wrong.items())[:3])}"


@pytest.fixture
def project(tmp_path, django_db_setup, django_db_blocker):
    schema = ""
    if connection.vendor == "postgresql":
        schema = f"killed_{uuid.uuid4().hex[:12]}"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {schema}")
    yield Project(tmp_path, schema)
    if schema:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.slow
@pytest.mark.servers
def test_killed_at_any_moment_every_key_works_and_every_line_is_true(project):
    old = {int(pk): text for pk, text in project.python(PREPARE).items()}
    chance = random.Random(os.environ.get("KILL_SEED"))
    killed = 0
    for run in range(3):
        name = f"killed-{run}.jsonl"
        process = project.rotate(name)
        deadline = time.monotonic() + 60
        while process.poll() is None and not project.output_size(name) and time.monotonic() < deadline:
            time.sleep(0.005)  # a kill before the first batch would prove little
        time.sleep(chance.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        new = project.output(name)
        project.works(new)
        project.works(old)  # the grace is not over: also where the rotation was complete
        old |= new
    assert killed, "the rotation was too fast to be killed even once"
    process = project.rotate("last.jsonl")
    process.communicate(timeout=120)
    assert process.returncode == 0
    last = project.output("last.jsonl")
    assert last.keys() == old.keys()
    project.works(last)
