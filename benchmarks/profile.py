"""Where the time of one contender's request goes: BENCHMARK_ONLY=ours names it."""

from __future__ import annotations

import cProfile
import pstats

from .database import fresh, setup
from .measure import call
from .request import use


def run(rounds: int) -> None:
    """Profile `rounds` x 200 requests of each contender."""
    setup()
    with fresh("apiaccess_bench"):
        from django.contrib.auth.models import User

        from .contenders import contenders

        user = User.objects.create(username="benchmark")
        for contender in contenders():
            use(contender)
            header = contender.issue(user)
            for _ in range(20):
                call(f"/{contender.name}/", header)
            with cProfile.Profile() as profiler:
                for _ in range(rounds * 200):
                    call(f"/{contender.name}/", header)
            print(contender.label)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(60)
