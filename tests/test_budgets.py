"""What one request may cost, counted in statements, writes and imports: figures that do not depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from django_apiaccess.core.secrets import make_key
from django_apiaccess.keys.lookup import memory
from django_apiaccess.roles.policy import policy_for
from django_apiaccess.roles.statement import PREPARE_AFTER

PATH = "/read-only/"


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL that runs meanwhile, on this thread."""
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def asked(client: Any, status: int = 200, path: str = PATH) -> list[str]:
    """The statements of one request."""
    with statements() as seen:
        assert client.get(path).status_code == status
    return seen


@pytest.fixture
def client(make_user, make_role, make_key, client_of):
    """Sends the key of somebody who holds the scope through a role; the policy is compiled."""
    make_role("reader", "docs:read")
    client = client_of(make_key(make_user("ann", role="reader"), "docs:read"))
    client.get(PATH)
    return client


@pytest.fixture
def cached(settings, client):
    """The same, with the opt-in cache."""
    settings.API_ACCESS = {
        **settings.API_ACCESS,
        "CACHE_SECONDS": 30,
        "GENERATION_SECONDS": 3600,
        "MAX_REVOCATION_LAG": 3600,
    }
    memory.clear()
    yield client
    memory.clear()


def test_a_request_asks_one_statement_and_writes_nothing(client):
    for _request in range(PREPARE_AFTER + 3):  # before and after the statement is prepared
        [sql] = asked(client)
        assert sql.startswith("SELECT")


def test_roles_held_by_inheritance_and_through_groups_cost_no_further_statement(
    make_user, make_role, make_key, client_of, operator
):
    from django.contrib.auth.models import Group

    from django_apiaccess.roles import service as roles

    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    user, group = make_user("bob"), Group.objects.create(name="editors")
    roles.grant(group=group, role="editor", by=operator)
    user.groups.add(group)
    client = client_of(make_key(user, "docs:read"))
    client.get(PATH)
    assert len(asked(client)) == 1


def test_many_grants_on_single_objects_come_as_one_row_of_the_answer(make_user, make_key, client_of, operator):
    """A principal with a grant on each of 300 objects: the one statement brings the role once, not 300 times."""
    from django.contrib.contenttypes.models import ContentType

    from django_apiaccess.keys.lookup import load
    from django_apiaccess.roles.models import Grant, Scope
    from tests.testapp.models import Document

    user = make_user("cat")
    scope, kind = Scope.objects.get(name="docs:read"), ContentType.objects.get_for_model(Document)
    Grant.objects.bulk_create(
        Grant(user=user, scope=scope, content_type=kind, object_id=str(pk)) for pk in range(1, 301)
    )
    row = load(make_key(user, "docs:read").key.secrets.get().public_id)
    assert len(json.loads(row.direct_grants)) == 1


def test_a_text_that_is_no_key_costs_no_statement(db, client_of):
    text = make_key("ak").text
    mistyped = text[:-1] + ("a" if text[-1] != "a" else "b")
    for wrong in (mistyped, text[:-1], "ak_", "nonsense", "x" * 100_000):
        assert asked(client_of(wrong), 401) == []


def test_an_unknown_key_costs_the_look_up_its_count_and_its_event(db, client_of):
    client = client_of(make_key("ak").text)
    asked(client, 401)
    statements_ = [sql.split()[0] for sql in asked(client, 401) if not sql.startswith(("SAVEPOINT", "RELEASE"))]
    look_up, *count, event = statements_
    assert (look_up, count, event) == ("SELECT", ["SELECT", "UPDATE"], "INSERT")


def test_an_unknown_key_from_a_network_that_is_closed_costs_two_reads(db, client_of, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 1}}
    client = client_of(make_key("ak").text)
    asked(client, 401)
    asked(client, 401)
    assert [sql.split()[0] for sql in asked(client, 429)] == ["SELECT", "SELECT"]


def test_with_the_cache_a_request_asks_nothing(cached):
    asked(cached)
    assert asked(cached) == []


def test_the_cache_holds_no_text_of_a_key(cached, make_user, make_key, client_of):
    issued = make_key(make_user("dan", "docs:read"), "docs:read")
    assert client_of(issued).get(PATH).status_code == 200
    secret = issued.text.split("_")[2]
    held = repr(vars(memory))
    assert issued.key.name in held
    assert secret not in held


def test_a_wrong_secret_never_meets_the_cached_row_of_the_right_one(cached, make_user, make_key, client_of):
    from django_apiaccess.core.secrets import checksum

    issued = make_key(make_user("eve", "docs:read"), "docs:read")
    client_of(issued).get(PATH)
    prefix, public_id, _secret = issued.text.split("_")
    body = f"{prefix}_{public_id}_{'0' * 43}"
    assert client_of(body + checksum(body)).get(PATH).status_code == 401


def test_a_policy_is_compiled_once_a_generation(client, django_assert_num_queries):
    from django_apiaccess.roles.generations import current
    from django_apiaccess.roles.models import Generation

    generation = current(Generation.POLICY)
    with django_assert_num_queries(0):
        assert policy_for(generation) is policy_for(generation)


def test_an_access_is_freed_without_the_garbage_collector(client, make_user, make_key, client_of):
    """No circle runs through it: thousands of requests a second would each leave one behind."""
    import gc
    import weakref

    from django_apiaccess.authn.kinds import Client, Presented
    from django_apiaccess.events.source import Where
    from django_apiaccess.keys.credential import APIKeyKind

    issued = make_key(make_user("fay", "docs:read"), "docs:read")
    gc.collect()
    gc.disable()
    try:
        access = APIKeyKind().authenticate(Presented("api-key", issued.text), Client(Where("127.0.0.1")))
        gone = weakref.ref(access.rights)
        del access
        assert gone() is None
    finally:
        gc.enable()


PROCESS = """
import importlib, json, sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", *sys.argv[1:2]],
    SECRET_KEY="x" * 60, USE_TZ=True, DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
import django
django.setup()
import rest_framework.views
for module in sys.argv[2:]:
    importlib.import_module(module)
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = (
    "cryptography",
    "jwt",
    "yaml",
    "rich",
    "drf_spectacular",
    "authlib",
    "redis",
    "psycopg",
    "segno",
    "phonenumbers",
    "apprise",
    "boto3",
    "webauthn",
    "django_otp_webauthn",
    "django.contrib.admin",
)
"""`django_otp` is none of them: our factors are devices of it, so its few modules come with the models."""


def modules(*arguments: str) -> set[str]:
    """What a process has imported once it started with these apps and modules."""
    ran = subprocess.run([sys.executable, "-c", PROCESS, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout))


def test_keys_alone_import_nothing_heavy():
    """A process that only checks keys imports, beyond Django, DRF and django-otp's models, this package and small parts of the standard
    library.
    """
    edge = [f"django_apiaccess.{name}" for name in ("authentication", "permissions", "throttling", "backends")]
    added = modules("django_apiaccess", *edge) - modules()
    assert added & set(HEAVY) == set()
    assert {name for name in added if not name.startswith("django_apiaccess")} & {
        "rest_framework.schemas",
        "asyncio",
    } == set()
