"""What `audit_access` costs on a large project: 100,000 keys, users and grants, 2,000 endpoints. Time, memory, statements, reports."""

from __future__ import annotations

import io
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .database import fresh, setup
from .seed import seed

KEYS = int(os.environ.get("BENCHMARK_KEYS", "100000"))
ENDPOINTS = int(os.environ.get("BENCHMARK_ENDPOINTS", "2000"))
HEAD = """from django.http import JsonResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_apiaccess import PUBLIC
from django_apiaccess.authentication import AccessAuthentication
from django_apiaccess.permissions import HasAccess
"""
VIEW = """

class View{n}(APIView):
    authentication_classes = (AccessAuthentication,)
    permission_classes = {permissions}
    access = {access}

    def get(self, request, pk=None):
        return Response({{}})

    def post(self, request, pk=None):
        return Response({{}})
"""
PAGE = """

def page{n}(request):
    return JsonResponse({{}})
"""


def run(rounds: int) -> None:
    """Measure and print Markdown. BENCHMARK_KEYS and BENCHMARK_ENDPOINTS for other sizes."""
    setup()
    from django.conf import settings
    from django.db import connections
    from django.test.utils import CaptureQueriesContext
    from django.urls import clear_url_caches

    from django_apiaccess.audit import run as audit
    from django_apiaccess.audit.writers import FORMATS, writer

    with TemporaryDirectory(prefix="apiaccess-bench-") as folder, fresh("apiaccess_bench_audit") as connection:
        settings.ROOT_URLCONF = _project(Path(folder))
        settings.BASE_DIR = folder
        clear_url_caches()
        started = time.perf_counter()
        seed(connection, KEYS)
        _wear()
        print(f"{KEYS:,} keys, users and grants seeded in {time.perf_counter() - started:.0f} s")
        before = _memory()
        for _round in range(max(1, min(rounds, 3))):
            started, worked = time.perf_counter(), time.process_time()
            with CaptureQueriesContext(connections["default"]) as captured:
                report = audit.run()
            print(
                f"{len(report.rules)} rules, {len(report.findings):,} findings: {time.perf_counter() - started:.1f} s "
                f"({time.process_time() - worked:.1f} s of CPU), {len(captured)} statements"
            )
        for name in FORMATS:
            out, started = io.StringIO(), time.perf_counter()
            writer(name)(report, out)
            print(f"{name}: {time.perf_counter() - started:.1f} s, {len(out.getvalue()) / 1e6:.1f} MB")
        print(
            f"memory: {_memory():.0f} MB at most, {before:.0f} MB before; {connection.display_name}; load {os.getloadavg()[0]:.1f}"
        )


def _wear() -> None:
    """What years leave behind: scopes that no key uses, people who went, old hashes, keys without an end."""
    from datetime import timedelta

    from django.contrib.auth.models import User
    from django.db.models import F
    from django.utils import timezone

    from django_apiaccess.keys.models import APIKey, ScopeUse

    now = timezone.now()
    keys = APIKey.objects.annotate(kind=F("pk") % 3)
    keys.filter(kind=0).update(last_used_at=now, scopes="shop:read shop:write")
    used = APIKey.objects.filter(last_used_at=now).values_list("pk", flat=True)
    days = {"first_on": now.date() - timedelta(days=80), "last_on": now.date()}
    ScopeUse.objects.bulk_create((ScopeUse(key_id=pk, scope="shop:read", **days) for pk in used), batch_size=5000)
    keys.filter(kind=1).update(expires_at=None)
    people = User.objects.annotate(kind=F("pk") % 5)
    people.filter(kind=0).update(is_active=False)
    people.filter(kind=1).update(password="pbkdf2_sha256$36000$x$x", is_staff=True)


def _memory() -> float:
    """The most that the process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _project(folder: Path) -> str:
    """Modules with views, a twentieth of them weak, and a URL conf. Returns its name."""
    sys.path.insert(0, str(folder))
    routes: list[str] = []
    names: list[Any] = []
    for module in range((ENDPOINTS + 199) // 200):
        text = HEAD
        for n in range(module * 200, min(ENDPOINTS, (module + 1) * 200)):
            if n % 10 == 9:
                text += PAGE.format(n=n)
                routes.append(f'path("pages/{n}/", views{module}.page{n})')
                continue
            weak = n % 20 == 0
            permissions = "()" if weak else "(HasAccess,)"
            text += VIEW.format(n=n, permissions=permissions, access="None" if weak else '"shop:read"')
            routes.append(f'path("api/{n}/<int:pk>/", views{module}.View{n}.as_view())')
        (folder / f"views{module}.py").write_text(text)
        names.append(f"views{module}")
    lines = [f"import {', '.join(names)}", "from django.urls import path", f"urlpatterns = [{', '.join(routes)}]"]
    (folder / "bench_urls.py").write_text("\n".join(lines) + "\n")
    import_module("bench_urls")
    return "bench_urls"
