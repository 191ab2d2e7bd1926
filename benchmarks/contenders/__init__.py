"""Who takes part: one file each. To add one, write its file and put its module's name into `MODULES`."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module

from .base import Contender

MODULES = ("floor", "ours", "authtoken", "api_key", "knox_tokens", "jwt_tokens", "oauth_toolkit")


@lru_cache(maxsize=1)
def contenders() -> tuple[Contender, ...]:
    """Those that are installed here; BENCHMARK_ONLY=stub,ours narrows them."""
    only = os.environ.get("BENCHMARK_ONLY")
    wanted = only.split(",") if only else None
    every = [cls() for module in MODULES for cls in import_module(f".{module}", __name__).CONTENDERS]
    return tuple(one for one in every if one.available() and (wanted is None or one.name in wanted))
