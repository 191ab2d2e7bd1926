"""What a variant of a project is asked to show, run as `python -m tests.projects.variant` with its settings.

Migrates, runs Django's checks, makes a person, a role and a key, and uses the key. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def variant_database() -> dict[str, Any]:
    """A file, so that a background thread may have a connection of its own."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("VARIANT_DATABASE", ":memory:"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }


def show() -> dict[str, Any]:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core import checks
    from django.core.management import call_command
    from rest_framework.test import APIClient

    from django_apiaccess.background import flusher
    from django_apiaccess.events.source import Actor
    from django_apiaccess.keys import service as keys
    from django_apiaccess.roles import service as roles

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
    by = Actor.command("variant")
    ann = get_user_model().objects.create_user(username="ann")
    roles.save_role(name="reader", scopes=["docs:read"], by=by)
    roles.grant(user=ann, role="reader", by=by)
    issued = keys.issue(principal=ann, name="variant", scopes=["docs:read"], rate="3/h", by=by)
    client = APIClient(headers={"x-api-key": issued.text})
    found = {
        "checks": [f"{message.id} {message.msg}" for message in checks.run_checks() if message.level >= checks.WARNING],
        "prefix": issued.text.split("_")[0],
        "me": client.get("/access/me/").json()["scopes"],
        "opened": [client.get("/read-only/").status_code for _number in range(3)],
        "closed": client.get("/report/").json()["code"],
    }
    flusher.flush()
    issued.key.refresh_from_db()
    found["uses"] = issued.key.use_count
    keys.revoke(issued.key, reason="test", by=by)
    found["revoked"] = client.get("/read-only/").status_code
    if "django.contrib.admin" in settings.INSTALLED_APPS:
        admin = get_user_model().objects.create_superuser(username="root")
        browser = APIClient()
        browser.force_login(admin)
        found["admin"] = browser.get("/admin/django_apiaccess/apikey/").status_code
    return found


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(show()))
