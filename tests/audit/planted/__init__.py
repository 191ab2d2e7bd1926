"""Planted weaknesses: for each rule at least one small project that has what the rule looks for.

    @plant("keys.never-expires", finds="api_key")
    def an_endless_key(project):
        project.fixture("make_key")(project.fixture("make_user")("ann"), expires_at=None)

`project` is a clean one (tests/audit/project.py). `finds` is text that the finding's subject, message or fix holds; `severity` its
severity, where the rule gives several. Every module of this folder is read. `test_planted.py` asks that no registered rule is missing.

Rules about what a feature keeps in the database have theirs beside that feature's tests (tests/keys/test_audit.py and others): a table
`PLANTED`, rule id: what makes the weakness, in a world of tests/planting.py. A test there plants each of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Plant:
    """How to make a project weak, and what the rule then says."""

    rule: str
    make: Callable[[Any], None]
    finds: str = ""
    severity: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.make.__name__}"


PLANTS: list[Plant] = []


def plant(
    rule: str, *, finds: str = "", severity: str = ""
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a planted weakness."""

    def register(make: Callable[[Any], None]) -> Callable[[Any], None]:
        PLANTS.append(Plant(rule, make, finds, severity))
        return make

    return register


def all_plants() -> list[Plant]:
    """Those of every module of this folder."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return PLANTS


def planted_by_tests_of_features() -> set[str]:
    """The rules in the tables `PLANTED` of tests/**/test_audit*.py, each of which a test there plants."""
    tests = Path(__file__).parents[2]
    names = [".".join(file.relative_to(tests.parent).with_suffix("").parts) for file in tests.rglob("test_audit*.py")]
    return {rule for name in names for rule in getattr(import_module(name), "PLANTED", ())}
