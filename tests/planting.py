"""A small project in order, in which tests plant one weakness each and ask the audit for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_apiaccess.audit.finding import Finding
from django_apiaccess.audit.rules import named
from django_apiaccess.audit.run import FAILED, run
from django_apiaccess.core import scopes as core_scopes
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey
from django_apiaccess.keys.scope_use import write
from django_apiaccess.mfa.models import RecoveryCode, TOTPFactor
from django_apiaccess.roles import service as roles

BY = Actor.command("test")
DAY = timedelta(days=1)
GOOD_HASH = "pbkdf2_sha256$1000000$salt$0000000000000000000000000000000000000000000="
AREAS = ("accounts", "grants", "keys", "oauth", "peers", "people", "roles", "tokens")
Plant = Callable[[Any, Any], str]
"""Makes one weakness: `(world, settings)`. Returns the id of the subject that must be found."""


def ago(days: float) -> Any:
    """The moment so many days ago."""
    return timezone.now() - days * DAY


def person(name: str, **fields: Any) -> Any:
    """Somebody whose account is in order."""
    fields.setdefault("email", f"{name}@example.com")
    user = get_user_model().objects.create_user(username=name, **fields)
    return changed(user, password=GOOD_HASH, last_login=timezone.now())


def changed(row: Any, **fields: Any) -> Any:
    """The row with these columns, written as raw SQL would."""
    type(row)._base_manager.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def key_of(user: Any, *scopes: str, name: str = "job", **fields: Any) -> APIKey:
    """A key of today."""
    return keys.issue(principal=user, name=name, scopes=scopes, by=BY, **fields).key


def aged(key: APIKey, days: float, *, seen: float = 1) -> APIKey:
    """The key as if it had been made that long ago, and used a while ago."""
    key.secrets.update(created_at=ago(days))
    return changed(key, created_at=ago(days), scopes_since=ago(days), last_used_at=ago(seen))


def used(key: APIKey, *scopes: str, days: float = 1) -> None:
    """Note uses of scopes."""
    write(sorted((key.pk, scope, ago(days).date()) for scope in scopes))


def factor(user: Any, *, codes: int = 1) -> None:
    """An authenticator app, and recovery codes."""
    device = TOTPFactor(user=user, name="App", confirmed=True)
    device.seal(b"12345678901234567890")
    device.save()
    for number in range(codes):
        RecoveryCode.objects.create(user=user, digest=f"digest-{user.pk}-{number}")


def clean_world() -> Any:
    """People, roles, grants, an account and keys as they should be."""
    reader = roles.save_role(name="reader", scopes=["docs:read"], by=BY)
    editor = roles.save_role(name="editor", scopes=["docs:write"], parents=["reader"], by=BY)
    boss = person("boss", is_staff=True, is_superuser=True)
    factor(boss)
    ann, bob = person("ann"), person("bob")
    roles.grant(user=ann, role="editor", reason="Writes the documents", by=Actor.of_user(boss))
    roles.grant(user=bob, scope="reports:read", reason="Audits us", ends_at=ago(-20), by=BY)
    account = keys.create_service_account(name="printer", owner=ann, purpose="Prints", by=BY)
    roles.grant(user=account.user, scope="docs:read", reason="Prints them", by=BY)
    job = aged(key_of(account.user, "docs:read"), 100)
    used(job, "docs:read")
    young = key_of(ann, "docs:read", "docs:write", name="laptop")
    return SimpleNamespace(
        reader=reader, editor=editor, boss=boss, ann=ann, bob=bob, account=account, job=job, young=young
    )


@contextmanager
def many_scopes() -> Iterator[list[str]]:
    """Meanwhile the project declares so many scopes that having all of them is much."""
    made = [f"shelves:do{number}" for number in range(4)]
    for name in made:
        core_scopes.registry.declare(name, "Do something")
    try:
        yield ["docs:write", "docs:delete", "reports:read", *made]  # what is the app's own is not the project's
    finally:
        for name in made:
            core_scopes.registry.forget(name)


def audited(*ids: str) -> list[Finding]:
    """What these rules or areas find. A rule that fails is a failure of the test."""
    findings = list(run(named(ids or AREAS)).findings)
    assert not [finding for finding in findings if finding.rule == FAILED], findings
    return findings


def cost(*ids: str) -> tuple[int, int]:
    """How many findings, and by how many statements; those of the transaction around each rule aside."""
    with CaptureQueriesContext(connection) as captured:
        found = len(audited(*ids))
    of_rules = [query for query in captured if "SAVEPOINT" not in query["sql"].partition(" S_")[0].upper()]
    return found, len(of_rules)


def subjects(rule: str) -> set[str]:
    """The ids of the subjects that the rule finds."""
    return {finding.subject.id for finding in audited(rule)}
