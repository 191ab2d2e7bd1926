"""A clean project, and people who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from django_apiaccess.events.source import Actor
from django_apiaccess.roles import service
from tests.planting import GOOD_HASH, changed

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
    user = changed(make_user("ann"), password=GOOD_HASH)
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", "docs:delete", "reports:read", parents=["reader"])
    service.grant(user=user, role="editor", by=operator, reason="she edits")
    made = Project(request, str(tmp_path / "checkpoints"))
    yield made
    made.end()
