"""Keys made by the real packages, in a project that has them: imported, used with the old header, rotated.

That project is `tests/projects/legacy.py`. In the suite's own project one test runs this file again under those settings.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from django_apiaccess.core import digests
from django_apiaccess.models import APIKey, APIKeySecret

PROJECT = "tests.projects.legacy"
if settings.SETTINGS_MODULE != PROJECT:

    @pytest.mark.slow
    @pytest.mark.servers
    def test_keys_of_the_real_packages_go_on_working():
        for package in ("rest_framework_api_key", "knox"):
            pytest.importorskip(package)
        root = Path(__file__).resolve().parents[2]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            f"--ds={PROJECT}",
            __file__,
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "4 passed" in done.stdout

else:

    def run(*arguments):
        call_command("import_api_keys", *arguments, stdout=io.StringIO(), stderr=io.StringIO())

    def goes_on(client_of, text, scheme, operator):
        """The old text works, its digest becomes ours, it is legacy until rotated, and dies when the grace is over."""
        from django_apiaccess.keys import service

        key, secret = APIKey.objects.get(), APIKeySecret.objects.get()
        assert client_of(text, scheme).get("/read-only/").status_code == 200
        secret.refresh_from_db()
        assert digests.is_native(secret.digest)
        assert client_of(text, scheme).get("/read-only/").status_code == 200
        assert client_of(text, scheme).get("/report/").status_code == 403
        assert APIKey.objects.legacy().get() == key
        new = service.rotate(key, by=operator, grace=timedelta(hours=1))
        assert client_of(text, scheme).get("/read-only/").status_code == 200
        APIKeySecret.objects.filter(pk=secret.pk).update(expires_at=timezone.now())
        assert client_of(text, scheme).get("/read-only/").status_code == 401
        assert client_of(new).get("/read-only/").status_code == 200
        assert not APIKey.objects.legacy().exists()

    def test_djangorestframework_api_key(make_user, client_of, operator):
        make_user("ann")
        _row, text = apps.get_model("rest_framework_api_key.APIKey").objects.create_key(name="Remote service")
        run("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert APIKey.objects.get().principal.username == "remote-service"
        goes_on(client_of, text, "Api-Key", operator)

    def test_rest_framework_authtoken(make_user, client_of, operator):
        token = apps.get_model("authtoken.Token").objects.create(user=make_user("ann", "docs:read", "reports:read"))
        run("--from", "drf-authtoken", "--scope", "docs:read")
        goes_on(client_of, token.key, "Token", operator)

    def test_knox(make_user, client_of, operator):
        _row, text = apps.get_model("knox.AuthToken").objects.create(user=make_user("ann", "docs:read"))
        run("--from", "knox", "--scope", "docs:read")
        goes_on(client_of, text, "Token", operator)

    def test_knox_with_a_prefix(make_user, client_of, operator):
        _row, text = apps.get_model("knox.AuthToken").objects.create(user=make_user("ann", "docs:read"), prefix="shop_")
        run("--from", "knox", "--model", "knox.AuthToken", "--scopes-from-principal")
        goes_on(client_of, text, "Token", operator)
