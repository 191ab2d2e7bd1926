"""What explaining says is what happens: verdict and status of random requests, over HTTP and through the whole stack.

1,000 requests, the same ones every time. For more, or for others: `EXPLAIN_REQUESTS=20000 EXPLAIN_SEED=7`.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.access.advice import advise
from django_apiaccess.access.callers import Anonymous, SignedIn, WithKey
from django_apiaccess.access.context import Context
from django_apiaccess.access.explain import explain
from django_apiaccess.access.presented import Shown, WithSession
from django_apiaccess.authn.rates import take
from django_apiaccess.core.proof import Proof
from django_apiaccess.core.rates import parse_rate
from django_apiaccess.events.source import Where
from django_apiaccess.exceptions import NotAnswerable, UnknownName
from django_apiaccess.keys import accounts
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.lookup import load
from django_apiaccess.keys.models import APIKey
from django_apiaccess.passwords.sessions import STAMP
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant
from django_apiaccess.tokens import service as tokens
from django_apiaccess.tokens.lookup import load as load_session
from django_apiaccess.tokens.models import TokenSession
from tests.access.every_form import NOT_ANSWERABLE
from tests.access.every_form import PATHS as FORMS
from tests.access.test_explain import PATHS
from tests.mfa.factors import app_of
from tests.testapp.models import Document, Parcel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.every_form")]

REQUESTS = int(os.environ.get("EXPLAIN_REQUESTS", "1000"))
SEED = int(os.environ.get("EXPLAIN_SEED", "6"))
ORIGIN = "https://shop.example"
SCOPES = ["docs:read", "docs:write", "docs:delete", "docs:*", "reports:read"]
ROLES = ["reader", "editor", "cleaner", "reporter"]
ACRS = ["aal1", "aal2-sms", "aal2", "phr", ""]
METHODS = ["GET", "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@dataclass
class World:
    """One population, whose requests are rolled back one by one."""

    chance: random.Random
    users: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    tokens: list[Any] = field(default_factory=list)
    objects: list[Any] = field(default_factory=list)


@pytest.fixture
def world(db, operator, make_role):
    found = World(random.Random(SEED))
    chance, now = found.chance, timezone.now()
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    make_role("cleaner", "docs:delete", parents=["editor"])
    make_role("reporter", "reports:read", permissions=["testapp.change_document"])
    documents = [Document.objects.create(title=f"plan {index}") for index in range(6)]
    parcels = [Parcel.objects.create(title=f"parcel {index}") for index in range(3)]
    found.objects = [*documents, *parcels]
    groups = [Group.objects.create(name=name) for name in ("staff", "desk")]
    groups[1].permissions.add(Permission.objects.get(codename="change_document"))
    owner = get_user_model().objects.create_user("owner")
    for index in range(30):
        if index % 6 == 5:
            user = accounts.create_service_account(name=f"robot{index}", owner=owner, purpose="test", by=operator).user
        else:
            flags = {"is_staff": chance.random() < 0.4, "is_superuser": chance.random() < 0.1}
            user = get_user_model().objects.create_user(f"user{index}", password="secret", **flags)
        user.groups.add(*chance.sample(groups, chance.randint(0, 2)))
        if chance.random() < 0.2:
            user.user_permissions.add(
                Permission.objects.get(codename=chance.choice(["change_document", "view_document"]))
            )
        if chance.random() < 0.25 and not hasattr(user, "service_account"):
            app_of(user)
        found.users.append(user)
    for user in [*found.users, *groups, *groups]:
        for _ in range(chance.randint(0, 4)):
            right = {"role": chance.choice(ROLES)} if chance.random() < 0.5 else {"scope": chance.choice(SCOPES)}
            holder = {"group": user} if isinstance(user, Group) else {"user": user}
            starts, ends = chance.choice([(None, None)] * 4 + [(-9, 9), (-9, -1), (1, 9)])
            times = (
                {}
                if starts is None
                else {"starts_at": now + timedelta(days=starts), "ends_at": now + timedelta(days=ends)}
            )
            given = roles.grant(**right, **holder, on=chance.choice([None, None, *found.objects]), by=operator)
            Grant.objects.filter(pk=given.pk).update(**times) if times else None
    for index in range(80):
        add_key(found, index, operator, now)
    for _ in range(50):
        add_token(found, now)
    for user in found.users:
        if chance.random() < 0.12:
            user.is_active = False
            user.save()
    return found


def add_key(world, index, operator, now):
    chance = world.chance
    issued = keys.issue(principal=chance.choice(world.users), name=f"key {index}", scopes=(), by=operator)
    columns = {"scopes": frozenset(chance.sample(SCOPES, chance.randint(1, 4)))}
    if chance.random() < 0.2:
        columns["networks"] = chance.choice(["127.0.0.0/8", "203.0.113.0/24", "10.0.0.1 127.0.0.1/32"])
    if chance.random() < 0.12:
        columns["origins"] = ORIGIN
    if chance.random() < 0.25:
        columns["rate"] = "2/day"
        for _ in range(chance.randint(0, 3)):
            take(f"api_key:{issued.key.pk}", parse_rate("2/day"), now.timestamp())
    if chance.random() < 0.06:
        columns["expires_at"] = now - timedelta(hours=1)
    if chance.random() < 0.06:
        columns["revoked_at"] = now
    APIKey.objects.filter(pk=issued.key.pk).update(**columns)
    if chance.random() < 0.08:
        keys.rotate(issued.key, by=operator, grace=chance.choice([timedelta(0), timedelta(hours=1)]))
    world.keys.append(issued)


def add_token(world, now):
    chance = world.chance
    proof = Proof(
        auth_time=now - timedelta(seconds=chance.choice([5, 100, 4000])), amr=("pwd",), acr=chance.choice(ACRS)
    )
    scopes = frozenset(chance.sample(SCOPES, chance.randint(1, 4)))
    client = chance.choice([tokens.FIRST_PARTY, tokens.FIRST_PARTY, "some-client"])
    user = chance.choice(world.users)
    given = tokens.begin(user, proof=proof, where=Where(), scopes=scopes, client_id=client)
    session = TokenSession.objects.latest("pk")
    if chance.random() < 0.08:
        TokenSession.objects.filter(pk=session.pk).update(revoked_at=now)
    if chance.random() < 0.05:
        TokenSession.objects.filter(pk=session.pk).update(expires_at=now - timedelta(minutes=1))
    if chance.random() < 0.05:
        TokenSession.objects.filter(pk=session.pk).update(password_mark="another")
    world.tokens.append((given.access_token, session))


def random_request(world):
    chance = world.chance
    path = chance.choice([*PATHS, *FORMS, *FORMS, *["/fresh/"] * 3]).format(
        chance.choice([*(str(obj.pk) for obj in world.objects), "999"])
    )
    return chance.choice(METHODS), path


def random_caller(world):
    """How it is explained, its context, and the client that does it live."""
    chance = world.chance
    context = {"address": "127.0.0.1", "secure": chance.random() < 0.95}
    client = APIClient()
    if chance.random() < 0.3:
        context["origin"] = chance.choice([ORIGIN, "https://other.example"])
    draw = chance.random()
    if draw < 0.05:
        return Anonymous(), context, client
    if draw < 0.3:
        return as_session(world, context, client)
    if draw < 0.55:
        issued = chance.choice(world.keys)
        client.credentials(HTTP_AUTHORIZATION=f"{chance.choice(['Api-Key', 'Bearer'])} {issued.text}")
        named = chance.random() < 0.5
        return WithKey(load(issued.text.split("_")[1])) if named else Shown(issued.text), context, client
    if draw < 0.62:
        text = chance.choice(world.keys).text
        bad = chance.choice([text[:-1], text[:20], f"{text}x", swapped(text), "no key", "ak_ä", text[:40] + "é"])
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {bad}")
        return Shown(bad), context, client
    text, session = chance.choice(world.tokens)
    if chance.random() < 0.08:
        text = text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return Shown(text), context, client
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    row = load_session(session.sid)
    return WithSession(session, row) if chance.random() < 0.5 else Shown(text), context, client


def swapped(text):
    """A key that nobody issued, with a right checksum."""
    from django_apiaccess.core import secrets

    head = text[:-6]
    flipped = head[:-1] + ("a" if head[-1] != "a" else "b")
    return flipped + secrets.checksum(flipped)


def as_session(world, context, client):
    chance = world.chance
    user = get_user_model().objects.get(
        pk=chance.choice([user for user in world.users if not hasattr(user, "service_account")]).pk
    )
    acr, age = chance.choice([*ACRS[:4], None]), chance.choice([1, 100, 4000])
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    stamped = session[STAMP]
    if acr is not None:
        context |= {"acr": acr, "auth_age": age}
        strong = acr != "aal1"
        session[STAMP] = {
            "auth_time": int(timezone.now().timestamp()) - age,
            "amr": [],
            "acr": acr,
            "pending": stamped["pending"] and not strong,
        }
    elif stamped["pending"]:
        session[STAMP] = {**stamped, "pending": False, "acr": "aal2-sms"}  # as a complete log-in leaves it
    session.save()
    return SignedIn(user), context, client


def live_status(client, method, path, context):
    headers = {"HTTP_ORIGIN": context["origin"]} if "origin" in context else {}
    with transaction.atomic():
        status = client.generic(method, path, secure=context["secure"], **headers).status_code
        transaction.set_rollback(True)
    return status


def expected(status):
    """The statuses that access decides; None: access was given."""
    return status if status in {400, 401, 403, 404, 429} else None


def test_the_verdict_and_the_status_of_1000_random_requests_are_those_of_the_live_ones(world, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True, "LOCKOUT": {"NETWORK_FREE": 100_000}}
    asked, own, seen, steps = 0, 0, Counter(), Counter()
    while asked < REQUESTS:
        method, path = random_request(world)
        with transaction.atomic():
            caller, context, client = random_caller(world)
            try:
                found = explain(caller, method, path, Context(**context))
            except UnknownName:
                assert live_status(client, method, path, context) in {400, 401, 403, 404, 405, 429}
                continue
            except NotAnswerable:
                assert path.startswith(NOT_ANSWERABLE), path
                own += 1
                continue
            assert not path.startswith(NOT_ANSWERABLE), path
            status = live_status(client, method, path, context)
            told = "\n".join(line for part in found.parts for line in part.lines())
            what = f"{asked} {caller!r} {method} {path} {context}: live {status}, explained {found.status}\n{told}"
            if found.allowed and found.status is None and status == 400:
                status = 200  # its body is wrong, which comes after access
            assert expected(status) == found.status, what
            assert found.allowed == (found.status in {None, 404}), what
            transaction.set_rollback(True)
        asked += 1
        seen[found.reason or found.status] += 1
        steps.update(part.step for part in found.parts)
    assert seen[None] > REQUESTS / 10
    assert own > REQUESTS / 20
    if REQUESTS >= 1000:
        wanted = {
            "scope_missing",
            "role_missing",
            "undeclared",
            "mfa_missing",
            "mfa_too_old",
            "mfa_impossible",
            "revoked",
            "expired",
        }
        wanted |= {"network_not_allowed", "origin_not_allowed", "rate_limited", "object_not_granted", "mfa_required"}
        wanted |= {
            "insecure_transport",
            "checksum",
            "unrecognised",
            "no_credential",
            "scope_required",
            "bad_signature",
            404,
        }
        assert wanted - set(seen) == set(), seen
        assert {
            "transport",
            "parse",
            "checksum",
            "look_up",
            "status",
            "restrictions",
            "guard",
            "rate",
            "object",
        } <= set(steps)


def give(changes, caller_user, key, operator):
    """What was advised, for real."""
    for name in changes.scopes:
        roles.grant(user=caller_user, scope=name, on=changes.on, by=operator)
    for name in changes.roles:
        roles.grant(user=caller_user, role=name, on=changes.on, by=operator)
    if changes.key_scopes:
        scopes = APIKey.objects.get(pk=key.pk).scopes | changes.key_scopes
        APIKey.objects.filter(pk=key.pk).update(scopes=scopes)


def test_what_is_advised_for_a_refused_key_allows_the_live_request_and_nothing_smaller_that_was_tried_does(
    world, operator
):
    advised = 0
    live_keys = [issued for issued in world.keys if WithKey(load(issued.text.split("_")[1])).row.is_active]
    for _ in range(1000):
        method, path = random_request(world)
        issued = world.chance.choice(live_keys)
        caller, context = WithKey(load(issued.text.split("_")[1])), {"address": "127.0.0.1", "secure": True}
        try:
            if explain(caller, method, path, Context(**context)).allowed:
                continue
            advice = advise(caller, method, path, Context(**context))
        except (UnknownName, NotAnswerable):
            continue
        changes = advice.changes
        if not changes:
            continue
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
        with transaction.atomic():
            give(changes, get_user_model().objects.get(pk=caller.row.principal_id), issued.key, operator)
            assert live_status(client, method, path, context) not in {401, 403}, (advice.text, method, path)
            transaction.set_rollback(True)
        for less in smaller_than(changes):
            assert not explain(caller, method, path, Context(**context), changes=less).allowed, (advice.text, less)
        advised += 1
        if advised == 25:
            break
    assert advised == 25


def smaller_than(changes):
    """The changes with one of their things left out."""
    for column in ("scopes", "roles", "key_scopes"):
        names = getattr(changes, column)
        yield from (replace(changes, **{column: names - {name}}) for name in names)
