"""The audit costs the same number of queries whatever the number of rows."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path

from django_apiaccess.audit.rules import all_rules
from django_apiaccess.audit.run import run
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.roles.models import Grant, Scope

from .planted.endpoints import view
from .project import Project


def statements() -> int:
    run()  # what is read once a process
    with CaptureQueriesContext(connection) as captured:
        run()
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def fill(count: int, start: int) -> None:
    users = get_user_model().objects.bulk_create(
        get_user_model()(username=f"user{number}") for number in range(start, start + count)
    )
    scope = Scope.objects.get(name="docs:read")
    Grant.objects.bulk_create(Grant(user=user, scope=scope, reason="x") for user in users)
    made = APIKey.objects.bulk_create(APIKey(principal=user, name="x", scopes="docs:read") for user in users)
    APIKeySecret.objects.bulk_create(APIKeySecret(key=key, public_id=f"id{key.pk}", digest="x") for key in made)


def test_the_number_of_statements_is_flat_in_users_keys_and_grants(project: Project) -> None:
    fill(20, 0)
    few = statements()
    fill(300, 1000)
    assert statements() == few


def test_the_number_of_statements_is_flat_in_endpoints(project: Project) -> None:
    project.urls(*(view(access="docs:read") for _number in range(3)))
    few = statements()
    project.urls(*(path(f"many/{number}/", view(access="docs:read")) for number in range(200)))
    assert statements() == few


def test_each_rule_alone_is_cheap(project: Project) -> None:
    fill(100, 0)
    for rule in all_rules():
        with CaptureQueriesContext(connection) as captured:
            run([rule])
        assert len(captured) < 40, (rule.id, len(captured))
