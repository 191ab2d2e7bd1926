"""Whether a request costs the same with 1,000 and with 1,000,000 keys, grants and users; the plans and the size of the indexes."""

from __future__ import annotations

import os
import random
import re
import statistics
import time
from contextlib import ExitStack
from typing import Any

from .database import fresh, setup
from .measure import Series, ServerSide, call, spread, take_sample
from .request import use
from .seed import key_text, seed

SIZES = (1_000, 1_000_000)
REQUESTS = 200
"""Different keys in each sample, picked at random."""


def run(rounds: int) -> None:
    """Measure and print Markdown. BENCHMARK_SIZES=1000,100000 for other sizes."""
    setup()
    from django.db import connections

    from .contenders.ours import Ours

    use(Ours())
    wanted = os.environ.get("BENCHMARK_SIZES")
    sizes = tuple(map(int, wanted.split(","))) if wanted else SIZES
    with ExitStack() as stack:
        databases = {}
        for size in sizes:
            databases[size] = stack.enter_context(fresh(f"apiaccess_bench_{size}"))
            started = time.perf_counter()
            seed(databases[size], size)
            print(f"{size:,} keys seeded in {time.perf_counter() - started:.0f} s")
        randomly, series = random.Random(1), {size: Series() for size in sizes}
        servers = {size: ServerSide(database) for size, database in databases.items()}
        for taken in range(rounds + 1):
            for size in sizes:
                connections["default"] = databases[size]
                headers = [_header(randomly.randint(1, size)) for _ in range(REQUESTS)]
                sample = (
                    Series() if taken == 0 else series[size]
                )  # the first round only warms up, and checks the answers
                if taken == 0 and {call("/ours/", header) for header in headers} != {200}:
                    raise SystemExit(f"Not every seeded key of {size:,} works.")
                following = iter(headers)
                take_sample(
                    sample, lambda following=following: call("/ours/", next(following)), REQUESTS, servers[size]
                )
        _report(sizes, series, databases)


def _header(number: int) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Api-Key {key_text(number)}"}


def _report(sizes: tuple[int, ...], series: dict[int, Series], databases: dict[int, Any]) -> None:
    base = series[sizes[0]]
    print(
        f"\n{databases[sizes[0]].display_name}; µs a request, median (least..most), whole request; load {os.getloadavg()[0]:.1f}"
    )
    print(f"\n| keys | client CPU | server CPU | together | ratio to {sizes[0]:,} |\n|---:|---:|---:|---:|---:|")
    for size in sizes:
        one = series[size]
        ratio = statistics.median(mine / theirs for mine, theirs in zip(one.total, base.total, strict=True))
        print(f"| {size:,} | {spread(one.client)} | {spread(one.server)} | {spread(one.total)} | {ratio:.3f} |")
    largest = databases[sizes[-1]]
    if largest.vendor == "postgresql":
        _sizes(largest)
        _plan(largest)


def _sizes(connection: Any) -> None:
    from django_apiaccess.keys.models import APIKey, APIKeySecret
    from django_apiaccess.roles.models import Grant

    print("\n| table | rows, MB | indexes, MB | each index, MB |\n|---|---:|---:|---|")
    with connection.cursor() as cursor:
        for model in (APIKey, APIKeySecret, Grant):
            table = model._meta.db_table
            cursor.execute("SELECT pg_table_size(%s::regclass), pg_indexes_size(%s::regclass)", [table, table])
            rows, indexes = (number / 1e6 for number in cursor.fetchone())
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1",
                [table],
            )
            each = ", ".join(f"{name.removeprefix('django_apiaccess_')} {size / 1e6:.0f}" for name, size in cursor)
            print(f"| {table} | {rows:.0f} | {indexes:.0f} | {each} |")


def _plan(connection: Any) -> None:
    """The plan that the server chose for the one statement, as a prepared statement would use it."""
    from django_apiaccess.keys.lookup import statement

    sql, params, _converters = statement.compile("default")
    public_id = key_text(1).split("_")[1]
    given = [public_id if param == statement.PLACEHOLDER else param for param in params]
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        positions = iter(range(1, len(given) + 1))
        cursor.execute("PREPARE benchmark_plan AS " + re.sub("%s", lambda _found: f"${next(positions)}", sql))
        execute = f"EXECUTE benchmark_plan ({', '.join(['%s'] * len(given))})"
        for _ in range(3):
            cursor.execute(execute, given)
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, BUFFERS) {execute}", given)
        print("\n```\n" + "\n".join(line for (line,) in cursor) + "\n```")
