"""What many tests need: people, roles, keys, and a client that sends a key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from django_apiaccess.authn.rates import seen
from django_apiaccess.authn.replays import trouble
from django_apiaccess.background import flusher
from django_apiaccess.events.later import later
from django_apiaccess.events.sealing import background_sealer
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.lookup import memory
from django_apiaccess.keys.scope_use import scope_use
from django_apiaccess.keys.usage import usage
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.shared import shared_facts
from django_apiaccess.tokens.remembered import remembered
from django_apiaccess.tokens.ring import ring
from django_apiaccess.tokens.usage import usage as session_usage
from tests.checking import clean_project, urls  # noqa: F401 - fixtures of the tests of system checks

# A machine that is busy makes no test fail, and what one run finds another finds too.
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis_settings.load_profile("suite")


ONCE = ("browser", "core", "docs", "sms")
"""Folders whose tests know no database, bring their own, or ask for pages that other tests ask for on every database."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in ONCE:
            item.add_marker(pytest.mark.once)


@pytest.fixture(autouse=True)
def _nothing_left_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test's requests left to be written later, or to be remembered, belongs to that test alone."""
    monkeypatch.setattr(flusher, "wake", lambda: None)  # no thread that writes whenever it likes; tests/servers have it
    yield
    for collector in (usage, scope_use, session_usage, later, background_sealer):
        collector.forget()
    memory.clear()
    remembered.clear()
    shared_facts.clear()
    ring.clear()
    seen.clear()
    trouble.clear()


@pytest.fixture
def operator() -> Actor:
    """Somebody at the shell of the machine: may do everything."""
    return Actor.command("test")


@pytest.fixture
def make_user(db: None, operator: Actor) -> Callable[..., Any]:
    """`make_user("ann", "docs:read", "docs:write", role="editor", is_staff=True)`: a user who holds these scopes and this role."""

    def make(name: str = "ann", *scopes: str, role: str | None = None, **fields: Any) -> Any:
        user = get_user_model().objects.create_user(username=name, password="secret", **fields)
        for scope in scopes:
            roles.grant(user=user, scope=scope, by=operator)
        if role is not None:
            roles.grant(user=user, role=role, by=operator)
        return user

    return make


@pytest.fixture
def make_role(db: None, operator: Actor) -> Callable[..., Any]:
    """`make_role("editor", "docs:write", parents=["reader"])`."""

    def make(name: str, *scopes: str, **fields: Any) -> Any:
        return roles.save_role(name=name, scopes=scopes, by=operator, **fields)

    return make


@pytest.fixture
def make_key(db: None, operator: Actor) -> Callable[..., keys.Issued]:
    """`make_key(user, "docs:read", rate="5/min")`: a key of the user, with its text."""

    def make(principal: Any, *scopes: str, name: str = "test", **fields: Any) -> keys.Issued:
        return keys.issue(principal=principal, name=name, scopes=scopes, by=operator, **fields)

    return make


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """`client_of(issued)`: a client that sends the key with every request."""

    def make(issued: keys.Issued | str, scheme: str = "Api-Key") -> APIClient:
        client = APIClient()
        text = issued if isinstance(issued, str) else issued.text
        client.credentials(HTTP_AUTHORIZATION=f"{scheme} {text}")
        return client

    return make


@pytest.fixture(scope="session", autouse=True)
def _no_session_left_behind(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """End what threads of servers and browsers left connected: PostgreSQL drops no database that somebody uses. It is told, not hidden."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT query, pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for query, _ended in cursor.fetchall():
                sys.stderr.write(f"\nA session was left behind; its last statement: {query[:300]}\n")
