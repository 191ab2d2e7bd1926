"""Old packages."""

from __future__ import annotations

from datetime import date
from importlib import metadata
from typing import Any

from django_apiaccess.access.audit import dependencies

from . import plant


def _installed(project: Any, **versions: str) -> None:
    really = metadata.version

    def version(name: str) -> str:
        return versions.get(name.lower().replace("-", "_")) or really(name)

    project.fixture("monkeypatch").setattr(dependencies.metadata, "version", version)


@plant("dependencies.known-hole", finds='pip install "Django>=5.2.18"', severity="high")
def an_old_django(project: Any) -> None:
    _installed(project, django="5.2.3")


@plant("dependencies.known-hole", finds="CVE-2026-27962", severity="critical")
def an_old_authlib(project: Any) -> None:
    _installed(project, authlib="1.6.6")


@plant("dependencies.unsupported", finds="5.1 gets no fixes since 2025-12-31")
def a_line_without_support(project: Any) -> None:
    _installed(project, django="5.1.15")


@plant("dependencies.unsupported", finds="3.2 gets no fixes for years")
def a_line_that_the_table_does_not_know_any_more(project: Any) -> None:
    _installed(project, django="3.2.25")


@plant("dependencies.old-table", severity="info")
def a_table_of_last_year(project: Any) -> None:
    table = dependencies.table()
    old = dependencies.Table(date(2020, 1, 1), table.advisories, table.supported_until)
    project.fixture("monkeypatch").setattr(dependencies, "table", lambda: old)
