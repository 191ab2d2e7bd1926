"""Where findings point in the project's code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from django_apiaccess.access.audit import views
from django_apiaccess.audit import places
from django_apiaccess.audit.finding import Subject

from .planted import endpoints
from .project import Project

HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent.parent


@pytest.fixture
def forgotten() -> None:
    places._root_of.cache_clear()


def lines(file: Path, wanted: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if line.startswith(wanted))


def endpoint(project: Project, route: Any) -> Any:
    project.urls(route)
    return next(each for each in views.all_endpoints() if each.view.startswith("tests.audit"))


@pytest.mark.parametrize(
    ("route", "line"),
    [
        (endpoints.AsksTheUser.as_view(), "class AsksTheUser"),
        (endpoints.a_function, "def a_function"),
        (endpoints.export, "def export"),
        (endpoints.Export.as_view(), "class Export"),
        (endpoints.for_people, "def for_people"),
    ],
)
def test_an_endpoint_points_at_the_line_of_its_view(route: Any, line: str, project: Project) -> None:
    file, number = views.place_of(endpoint(project, route))
    assert places.relative(file) == "tests/audit/planted/endpoints.py"
    assert number == lines(ROOT / "tests/audit/planted/endpoints.py", line)


def test_a_setting_points_at_its_line() -> None:
    subject = places.setting('API_ACCESS["PEPPERS"]')
    assert (subject.kind, subject.id, subject.path) == ("setting", 'API_ACCESS["PEPPERS"]', "tests/settings.py")
    assert subject.line == lines(ROOT / "tests/settings.py", "API_ACCESS")


def test_a_setting_that_is_not_given_points_at_the_file() -> None:
    assert places.setting("SECURE_HSTS_SECONDS") == Subject(
        "setting", "SECURE_HSTS_SECONDS", path="tests/settings.py", line=1
    )


def test_a_setting_is_found_behind_a_star_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "conf_of_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("A = 1\nB: dict = {}\nB['x'] = 2\n")
    (package / "production.py").write_text("from .base import *\nif True:\n    A = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = str(package / "production.py")
    assert places._line_of(file, "conf_of_test.production", "A", 0) == (file, 3)
    assert places._line_of(file, "conf_of_test.production", "B", 0) == (str(package / "base.py"), 3)
    assert places._line_of(file, "conf_of_test.production", "C", 0) is None


def test_what_a_package_defines_is_not_the_projects() -> None:
    assert not places.in_project(str(ROOT / "django_apiaccess/access/views.py"))
    assert not places.in_project(sys.modules["django"].__file__ or "")
    assert not places.in_project(subprocess.__file__)
    assert not places.in_project("<string>")
    assert not places.in_project("")
    assert places.in_project(str(HERE))


def test_paths_are_from_the_working_copy(tmp_path: Path, settings: Any, forgotten: None) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "backend" / "site").mkdir(parents=True)
    settings.BASE_DIR = tmp_path / "backend"
    assert places.relative(str(tmp_path / "backend/site/urls.py")) == "backend/site/urls.py"
    assert places.relative("/etc/passwd") == ""


def test_a_file_that_cannot_be_read_has_no_definitions(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def (:")
    assert places.definitions(str(broken)) == {}
    assert places.definitions(str(tmp_path / "nowhere.py")) == {}
