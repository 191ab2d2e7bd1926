"""Running a command as an operator does, and seeing both of its outputs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command


@dataclass
class Ran:
    """What a command printed."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout as the one JSON value that it must be."""
        return json.loads(self.out)


@pytest.fixture
def run(db: None) -> Callable[..., Ran]:
    """`run("list_api_keys", "--user", "ann")`."""

    def call(name: str, *arguments: Any, **options: Any) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        call_command(name, *map(str, arguments), stdout=out, stderr=err, **options)
        return Ran(out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def refused(run: Callable[..., Ran]) -> Callable[..., str]:
    """`refused("rotate_api_keys", 99)`: the error of a command that must not succeed."""

    def call(name: str, *arguments: Any, **options: Any) -> str:
        with pytest.raises(CommandError) as error:
            run(name, *arguments, **options)
        return str(error.value)

    return call
