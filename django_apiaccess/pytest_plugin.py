"""pytest plugin: `access_tests.yaml` files are collected, one test an expectation (see `access.cases`).

It is loaded in every pytest run on a machine that has this package, so it imports nothing of Django until there is such a file. Where
Django is not set up, or this app is not installed in the project, files of that name are left alone: they are somebody else's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .access.cases import Case
    from .access.expectations import Outcome

FILE_NAME = "access_tests.yaml"


class NotAsExpected(Exception):
    """An expectation that does not hold."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("\n".join(outcome.lines()))


class AccessItem(pytest.Function):
    """One expectation. It fails with what was expected, what came, and the way there, instead of a traceback through this package."""

    case: Case

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAsExpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name


class AccessFile(pytest.File):
    """One `access_tests.yaml`."""

    def collect(self) -> Iterable[AccessItem]:
        from .access.cases import Cases
        from .exceptions import InvalidChange

        if not self.config.pluginmanager.hasplugin("django"):
            raise self.CollectError(f"{self.path.name} needs pytest-django: pip install pytest-django")
        try:
            read = Cases(self.path.read_text(encoding="utf-8"), self.path.name)
            policy = read.policy(self.path.parent)
        except (InvalidChange, OSError, UnicodeDecodeError) as error:
            raise self.CollectError(str(error)) from None
        for case in read.cases:
            item = AccessItem.from_parent(self, name=case.title, callobj=_asking(case, policy))
            item.case = case
            yield item


def _asking(case: Case, policy: Any) -> Callable[..., None]:
    @pytest.mark.django_db
    def ask(access_tests_setup: object) -> None:
        from .access.expectations import run

        outcome = run(case, policy)
        if not outcome.passed:
            raise NotAsExpected(outcome)

    return ask


@pytest.fixture
def access_tests_setup() -> None:
    """What the expectations need in the database. Override it in `conftest.py`: make the roles and people that the file names."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> AccessFile | None:
    """Collect the file, where it is ours."""
    if file_path.name != FILE_NAME or not _is_set_up():
        return None
    return AccessFile.from_parent(parent, path=file_path)


def _is_set_up() -> bool:
    """Whether Django runs here, with this app. pytest-django has set it up by now, if anything has."""
    apps = sys.modules.get("django.apps")
    return apps is not None and apps.apps.ready and apps.apps.is_installed("django_apiaccess")
