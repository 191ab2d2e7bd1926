"""A clean project, and people who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from django_apiaccess.events.source import Actor
from django_apiaccess.roles import service

from .project import Project


@pytest.fixture
def project(
    request: pytest.FixtureRequest,
    make_user: Callable[..., Any],
    make_role: Callable[..., Any],
    operator: Actor,
    tmp_path: Path,
) -> Iterator[Project]:
    """A clean project in whose database somebody holds each scope that it asks for."""
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", "docs:delete", "reports:read", parents=["reader"])
    for name, role in (("ann", "editor"), ("ben", "reader")):
        user = make_user(name)  # before the project's settings, whose hasher takes its time
        user.set_unusable_password()
        user.save()
        service.grant(user=user, role=role, by=operator, reason="their work")
    made = Project(request, str(tmp_path / "checkpoints"))
    yield made
    made.end()
