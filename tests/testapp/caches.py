"""A cache for tests of one process that stands for several: nothing but its name tells it from one that all workers share."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.locmem import LocMemCache


class SharedInTests(LocMemCache):
    """With a switch: while it is `down`, every call fails, and what it holds is there again afterwards."""

    down = False

    def _up(self) -> None:
        if SharedInTests.down:
            raise ConnectionError("the cache is down")

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self._up()
        return super().get(*args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._up()
        super().set(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        self._up()
        return super().add(*args, **kwargs)
