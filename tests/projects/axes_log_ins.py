"""What log-ins meet where django-axes is installed, run as `python -m tests.projects.axes_log_ins`. Prints one JSON object."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any


def show() -> dict[str, Any]:
    from axes.models import AccessAttempt
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from rest_framework.test import APIClient

    from django_apiaccess.events.models import Event

    call_command("migrate", verbosity=0)
    for name in ("ann", "bob"):
        get_user_model().objects.create_user(username=name, password="secret")
    client = APIClient()

    def log_in(name: str, password: str) -> Any:
        return client.post("/access/token/", {"username": name, "password": password})

    def basic(name: str, password: str) -> Any:
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        return client.get("/access/me/", secure=True, HTTP_AUTHORIZATION=f"Basic {pair}")

    found: dict[str, Any] = {"forgets": [log_in("ann", word).status_code for word in ("x", "x", "secret", "x", "x")]}
    found["left"] = AccessAttempt.objects.get(username="ann").failures_since_start
    found["locks"] = [log_in("ann", word).status_code for word in ("x", "secret", "secret")]
    locked = log_in("ann", "secret")
    found["retry_after"] = locked.headers.get("Retry-After")
    found["unknown"] = [log_in("nobody", "x").status_code for _number in range(4)]
    found["basic"] = [basic("bob", word).status_code for word in ("secret", "x", "x", "x", "secret")]
    found["reasons"] = sorted(set(Event.objects.filter(action="login.refused").values_list("reason", flat=True)))
    return found


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(show()))
