"""The cost of a request to the token endpoint: ours, and that of django-oauth-toolkit where it is installed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from .database import fresh, setup
from .measure import ENVIRONMENT, Series, ServerSide, _handler, spread, take_sample

CALLBACK: Final = "https://app.example/callback"
VERIFIER: Final = "v" * 43
CHALLENGE: Final = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPE: Final = "shop:read"
TIMES: Final = 20
"""Requests of one sample: codes are made before it, one for each."""


def post(path: str, fields: dict[str, str], secret: str = "") -> dict[str, Any]:
    """One request as a WSGI server makes it; its answer, which must be tokens."""
    body = urlencode(fields).encode()
    environment: dict[str, Any] = {
        **ENVIRONMENT,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    if secret:
        environment["HTTP_AUTHORIZATION"] = "Basic " + base64.b64encode(secret.encode()).decode()
    response = _handler()(environment, lambda *_arguments: None)
    answer = json.loads(b"".join(response))
    response.close()
    if "access_token" not in answer:
        raise SystemExit(f"{path} answers {answer} to {fields['grant_type']}.")
    return dict(answer)


@dataclass
class Case:
    """One grant at one server. `prepare` makes what the requests of a sample use up, outside of what is measured."""

    label: str
    ask: Callable[[], Any]
    prepare: Callable[[int], None] = lambda _times: None
    series: Series = field(default_factory=Series)
    statements: tuple[int, int] = (0, 0)


def run(rounds: int) -> None:
    """Measure and print a Markdown table."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.oauth_settings"
    setup()
    with fresh("apiaccess_bench_oauth") as connection:
        cases = [*ours(), *toolkit()]
        server = ServerSide(connection)
        for case in cases:
            case.prepare(3)
            for _ in range(2):
                case.ask()
            case.statements = statements(connection, case.ask)
        for _ in range(rounds):
            for case in cases:
                case.prepare(TIMES)
                take_sample(case.series, case.ask, TIMES, server)
        report(connection, rounds, cases)


def statements(connection: Any, ask: Callable[[], Any]) -> tuple[int, int]:
    """Statements of one request, and the writes among them. BEGIN, COMMIT and savepoints are none."""
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    real = [sql for sql in seen if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]
    return len(real), sum(not sql.lstrip().upper().startswith(("SELECT", "EXECUTE")) for sql in real)


def report(connection: Any, rounds: int, cases: list[Case]) -> None:
    load = os.getloadavg()[0]
    print(
        f"\n{connection.display_name}, {rounds} rounds of {TIMES}, load {load:.1f}; µs a request, median (least..most)"
    )
    print("\n| grant | statements (writes) | CPU, client and server | of that, the database server |")
    print("|---|---:|---:|---:|")
    for case in cases:
        count, writes = case.statements
        server = statistics.median(case.series.server)
        print(f"| {case.label} | {count} ({writes}) | {spread(case.series.total)} | {server:,.0f} |")


class Chain:
    """A refresh token, and the next one after each use."""

    def __init__(self, ask: Callable[[str], dict[str, Any]], first: str) -> None:
        self._ask, self._text = ask, first

    def __call__(self) -> None:
        self._text = self._ask(self._text)["refresh_token"]


class Codes:
    """Codes made beforehand, each exchanged once."""

    def __init__(self, make: Callable[[], str], ask: Callable[[str], dict[str, Any]]) -> None:
        self._make, self._ask, self._waiting = make, ask, list[str]()

    def prepare(self, times: int) -> None:
        self._waiting = [self._make() for _ in range(times)]

    def __call__(self) -> dict[str, Any]:
        return self._ask(self._waiting.pop())


def code_fields(client_id: str, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, "client_id": client_id,
    }  # fmt: skip


def refresh_fields(client_id: str, text: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": text, "client_id": client_id}


def grants(name: str, path: str, client_id: str, make_code: Callable[[], str]) -> Iterator[Case]:
    """Code and refresh of a public client."""
    codes = Codes(make_code, lambda code: post(path, code_fields(client_id, code)))
    codes.prepare(1)
    first = codes()["refresh_token"]
    yield Case(f"{name}: code, PKCE, public client", codes, codes.prepare)
    yield Case(f"{name}: refresh, rotated", Chain(lambda text: post(path, refresh_fields(client_id, text)), first))


def ours() -> Iterator[Case]:
    from django.contrib.auth.models import User
    from django.utils import timezone

    from django_apiaccess.contrib.oauth import clients, codes
    from django_apiaccess.events.source import Actor
    from django_apiaccess.keys.accounts import create_service_account
    from django_apiaccess.roles import service as roles

    by, path, name = Actor.command("benchmark"), "/ours/token/", "**django_apiaccess**"
    user = User.objects.create(username="ours", email="a@example.org")
    account = create_service_account(name="robot", owner=user, purpose="benchmark", by=by)
    for principal in (user, account.user):
        roles.grant(user=principal, scope=SCOPE, by=by)
    robot = clients.create(
        by=by, name="robot", grant_types=["client_credentials"], scopes=[SCOPE], service_account=account
    )
    secret = f"{robot.client.client_id}:{robot.secret}"
    yield Case(f"{name}: client credentials", lambda: post(path, {"grant_type": "client_credentials"}, secret))
    phone = clients.create(
        by=by, name="phone", auth_method="none", grant_types=["authorization_code", "refresh_token"],
        redirect_uris=[CALLBACK], scopes=[SCOPE],
    ).client  # fmt: skip

    def make_code() -> str:
        given = {"redirect_uri": CALLBACK, "code_challenge": CHALLENGE, "auth_time": timezone.now(), "amr": "pwd"}
        return codes.give(phone, user, scopes=frozenset({SCOPE}), resource="", acr="aal1", **given)

    yield from grants(name, path, phone.client_id, make_code)


def toolkit() -> Iterator[Case]:
    from django.apps import apps
    from django.contrib.auth.models import User
    from django.utils import timezone

    if not apps.is_installed("oauth2_provider"):
        return
    from oauth2_provider.models import Application, Grant

    path, name = "/toolkit/token/", "django-oauth-toolkit"
    user = User.objects.create(username="toolkit", email="b@example.org")
    common = {
        "client_type": "confidential",
        "authorization_grant_type": "client-credentials",
        "client_secret": "s" * 43,
    }
    for hashed, how in ((True, "secret hashed, its default"), (False, "secret in plain")):
        made = Application.objects.create(name=how, hash_client_secret=hashed, **common)
        secret = f"{made.client_id}:{'s' * 43}"
        yield Case(
            f"{name}: client credentials, {how}",
            lambda secret=secret: post(path, {"grant_type": "client_credentials"}, secret),
        )
    phone = Application.objects.create(
        name="phone", client_type="public", authorization_grant_type="authorization-code", redirect_uris=CALLBACK
    )
    numbers = iter(range(10**9))

    def make_code() -> str:
        code = f"code-{next(numbers):020}"
        Grant.objects.create(
            user=user, application=phone, code=code, expires=timezone.now() + timedelta(minutes=5), redirect_uri=CALLBACK,
            scope="read", code_challenge=CHALLENGE, code_challenge_method="S256",
        )  # fmt: skip
        return code

    yield from grants(name, path, phone.client_id, make_code)
