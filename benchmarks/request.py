"""The cost of one authenticated request, contender by contender, and its queries."""

from __future__ import annotations

import os
import statistics
from typing import Any

from .database import fresh, setup
from .measure import Series, ServerSide, call, spread, take_sample, times_for


def run(rounds: int) -> None:
    """Measure and print a Markdown table."""
    setup()
    with fresh("apiaccess_bench") as connection:
        measure(connection, rounds)


def use(contender: Any) -> None:
    """Our settings as this contender wants them."""
    from django.conf import settings
    from django.core.signals import setting_changed

    settings.API_ACCESS = contender.api_access or settings.API_ACCESS
    setting_changed.send(sender=None, setting="API_ACCESS", value=settings.API_ACCESS, enter=True)


def queries(connection: Any, path: str, header: dict[str, str]) -> tuple[int, int, int]:
    """Status, statements and writes among them."""
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        status = call(path, header)
    return status, len(seen), sum(not sql.lstrip().upper().startswith(("SELECT", "EXECUTE")) for sql in seen)


def measure(connection: Any, rounds: int) -> None:
    from django.contrib.auth.models import User

    from .contenders import contenders

    user = User.objects.create(username="benchmark")
    server = ServerSide(connection)
    cases: dict[str, tuple[Any, str, dict[str, str], int, tuple[int, int, int]]] = {}
    for contender in contenders():
        use(contender)
        path = f"/{contender.name}/"
        for wrong, header in {"": contender.issue(user), **contender.refused(user)}.items():
            for _ in range(5):
                status = call(path, header)
            if (status == 200) == bool(wrong):
                raise SystemExit(f"{contender.label} answers {status} to a {wrong or 'valid'} credential.")
            times = times_for(lambda path=path, header=header: call(path, header))
            label = f"{contender.label}: {wrong} credential" if wrong else contender.label
            cases[label] = (contender, path, header, times, queries(connection, path, header))
    series = {label: Series() for label in cases}
    for _ in range(rounds):
        for label, (contender, path, header, times, _seen) in cases.items():
            use(contender)
            take_sample(series[label], lambda path=path, header=header: call(path, header), times, server)
    report(connection, server, rounds, cases, series)


def report(connection: Any, server: ServerSide, rounds: int, cases: dict[str, Any], series: dict[str, Series]) -> None:
    base = next((series[label] for label, case in cases.items() if case[0].name == "stub"), None)
    print(
        f"\n{connection.display_name}, {rounds} rounds, load {os.getloadavg()[0]:.1f}; µs a request, median (least..most)"
    )
    if connection.vendor == "postgresql" and not server.known:
        print("The CPU of the database server cannot be read here: the server's column is 0.")
    print(
        "\n| contender | status | statements (writes) | client CPU | server CPU | added over the free authenticator | wall |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for label, one in series.items():
        status, count, writes = cases[label][4]
        added = spread(one.over(base)) if base else "-"
        client, database, wall = (statistics.median(values) for values in (one.client, one.server, one.wall))
        print(f"| {label} | {status} | {count} ({writes}) | {client:,.0f} | {database:,.0f} | {added} | {wall:,.0f} |")
