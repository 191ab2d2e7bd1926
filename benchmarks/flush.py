"""What counting uses costs: the note that a request makes, and the write that follows in batches."""

from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

from .database import fresh, setup
from .measure import ServerSide
from .request import use
from .seed import seed

KEYS = (1, 100, 10_000)
PER_SECOND = 1000
"""Requests a second that the last column spreads the write over; the process writes once a second."""


def run(rounds: int) -> None:
    """Measure and print a Markdown table."""
    setup()
    from .contenders.ours import Ours

    use(Ours())
    with fresh("apiaccess_bench") as connection:
        from django_apiaccess.keys.usage import UsageCollector

        seed(connection, max(KEYS))
        server, collector = ServerSide(connection), UsageCollector()
        moment = datetime.now(UTC)
        print(
            f"{connection.display_name}, {rounds} rounds, load {os.getloadavg()[0]:.1f}; CPU in µs, client + server, median\n"
        )
        print(
            f"| keys used in the second | noting one use | the write | the write, for each of {PER_SECOND:,} requests |"
        )
        print("|---:|---:|---:|---:|")
        for keys in KEYS:
            notes, writes = [], []
            for _ in range(rounds):
                moment += timedelta(seconds=1)
                uses = max(PER_SECOND, keys)
                started = time.process_time()
                for number in range(uses):
                    collector.record(number % keys + 1, number % keys + 1, "127.0.0.1", moment)
                notes.append((time.process_time() - started) / uses * 1e6)
                before, started = server.seconds(), time.process_time()
                collector.flush()
                client = time.process_time() - started
                time.sleep(0.001)
                writes.append((client + server.seconds() - before) * 1e6)
            note, write = statistics.median(notes), statistics.median(writes)
            print(f"| {keys:,} | {note:.1f} | {write:,.0f} | {write / max(PER_SECOND, keys):.1f} |")
