"""What the app adds to the start of a process: CPU, memory, modules, against Django and DRF alone."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

BASE = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "rest_framework"]
IMPORTED = ["rest_framework.views", "rest_framework.permissions", "rest_framework.authentication"]
OURS = ["authentication", "permissions", "throttling"]
CONFIGURATIONS = {
    "Django and DRF": (BASE, IMPORTED),
    "with django_apiaccess": ([*BASE, "django_apiaccess"], [*IMPORTED, *(f"django_apiaccess.{name}" for name in OURS)]),
    "with its URLs and backend too": (
        [*BASE, "django_apiaccess"],
        [*IMPORTED, *(f"django_apiaccess.{name}" for name in (*OURS, "backends", "urls", "wellknown"))],
    ),
}
HEAVY = ("cryptography", "jwt", "rich", "yaml", "drf_spectacular", "psycopg", "redis", "django.contrib.admin")
"""What must not be imported by using keys alone."""
PROCESS = """
import importlib, json, resource, sys, time
apps, modules = json.loads(sys.argv[1])
from django.conf import settings
settings.configure(INSTALLED_APPS=apps, SECRET_KEY="x" * 60, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
import django
django.setup()
for module in modules:
    importlib.import_module(module)
print(json.dumps({"cpu": time.process_time() * 1e3, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "modules": sorted(sys.modules)}))
"""


def start(apps: list[str], modules: list[str]) -> dict[str, object]:
    """Start a process with these apps, import these modules, and say what it cost."""
    command = [sys.executable, "-c", PROCESS, json.dumps([apps, modules])]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def run(rounds: int) -> None:
    """Measure and print a Markdown table."""
    taken: dict[str, list[dict[str, object]]] = {name: [] for name in CONFIGURATIONS}
    for _ in range(rounds):
        for name, (apps, modules) in CONFIGURATIONS.items():
            taken[name].append(start(apps, modules))
    base = taken["Django and DRF"]
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, load {os.getloadavg()[0]:.1f}; median (least..most)\n")
    print(
        "| process | CPU, ms | added CPU, ms | memory, MB | added memory, MB | added modules | heavy ones among them |"
    )
    print("|---|---:|---:|---:|---:|---:|---|")
    for name, ones in taken.items():
        cells = [name]
        for what in ("cpu", "memory"):
            values = [float(str(one[what])) for one in ones]
            added = [value - float(str(other[what])) for value, other in zip(values, base, strict=True)]
            cells += [_spread(values), _spread(added)]
        new = set(map(str, ones[0]["modules"])) - set(map(str, base[0]["modules"]))  # type: ignore[call-overload]
        heavy = sorted(module for module in HEAVY if module in new)
        print(f"| {' | '.join(cells)} | {len(new)} | {', '.join(heavy) or 'none'} |")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}..{max(values):.1f})"
