"""Issuing, changing, rotating and revoking keys: bounds, events, and what a roll-back leaves."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_apiaccess.authn.client import where_of
from django_apiaccess.core.scopes import parse
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.exceptions import Conflict, InvalidChange, NotHeld, UnknownName
from django_apiaccess.keys import service
from django_apiaccess.keys.credential import APIKeyKind
from django_apiaccess.keys.models import APIKey, APIKeySecret, ServiceAccount
from django_apiaccess.roles import service as roles
from tests.rollback import rolled_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write", "docs:delete", "reports:read")


@pytest.fixture
def caller():
    """`caller(issued)`: the actor that a request with this key is."""
    from django_apiaccess.authn.kinds import Client, Presented

    def make(issued):
        access = APIKeyKind().authenticate(
            Presented("api-key", issued.text), Client(Where("203.0.113.7"), "https://shop.example")
        )
        return Actor.of_access(access, Where())

    return make


def opens(issued):
    """Whether the text is accepted now."""
    from django_apiaccess.authn.kinds import Client, Presented
    from django_apiaccess.exceptions import InvalidCredential

    try:
        APIKeyKind().authenticate(Presented("api-key", issued.text), Client(Where()))
    except InvalidCredential:
        return False
    return True


def actions():
    return list(
        Event.objects.order_by("pk")
        .exclude(action__in=["grant.given", "scopes.synced"])
        .values_list("action", "target_label")
    )


# -- issue


def test_issuing_stores_a_digest_only_and_writes_one_event(ann, make_key):
    issued = make_key(ann, "docs:read", name="import job")
    secret = APIKeySecret.objects.get(key=issued.key)
    assert issued.text.split("_")[1] == secret.public_id
    assert issued.text[16:] not in str(secret.__dict__) + str(issued.key.__dict__) + repr(issued)
    assert actions() == [("key.created", "import job")]
    assert opens(issued)


def test_the_event_stands_and_falls_with_the_change(
    ann, make_key, operator, django_capture_on_commit_callbacks, caplog
):
    with rolled_back():
        make_key(ann, "docs:read")
    assert actions() == []
    assert not APIKey.objects.exists()
    with caplog.at_level("INFO"), django_capture_on_commit_callbacks(execute=True):
        make_key(ann, "docs:read")
    assert [record.access_event["action"] for record in caplog.records if hasattr(record, "access_event")] == [
        "key.created"
    ]


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"scopes": ["docs:raed"]}, UnknownName, "Did you mean 'docs:read'"),
        ({"scopes": ["*"]}, UnknownName, "resource:action"),
        ({"name": ""}, InvalidChange, "blank"),
        ({"name": "   "}, InvalidChange, "blank"),
        ({"name": "x" * 101}, InvalidChange, "100"),
        ({"networks": "10.0.0.0/40"}, InvalidChange, "is not a network"),
        ({"origins": "shop.example"}, InvalidChange, "is not an origin"),
        ({"rate": "often"}, InvalidChange, "is not a rate"),
        ({"expires_at": "past"}, InvalidChange, "future"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(ann, operator, fields, error, match):
    if fields.get("expires_at") == "past":
        fields = {"expires_at": timezone.now()}
    given = {"principal": ann, "name": "key", "scopes": ["docs:read"], "by": operator, **fields}
    with pytest.raises(error, match=match) as caught, transaction.atomic():
        service.issue(**given)
    assert caught.value.field == next(iter(fields))
    assert not APIKey.objects.exists()
    assert actions() == []


def test_a_key_can_have_no_scope_that_its_principal_does_not_hold(make_user, operator):
    bob = make_user("bob", "docs:read")
    for scopes in (["docs:write"], ["docs:*"], ["docs:read", "reports:read"]):
        with pytest.raises(NotHeld, match="bob does not hold") as caught, transaction.atomic():
            service.issue(principal=bob, name="x", scopes=scopes, by=operator)
        assert caught.value.missing


def test_a_principal_that_is_not_active_gets_no_key(make_user, operator):
    with pytest.raises(InvalidChange, match="not active"):
        service.issue(principal=make_user("bob", is_active=False), name="x", scopes=[], by=operator)


def test_a_person_gives_no_more_than_they_hold(ann, make_user):
    staff = make_user("staff", "docs:read", is_staff=True)
    with pytest.raises(NotHeld, match="staff does not hold docs:write"), transaction.atomic():
        service.issue(principal=ann, name="x", scopes=["docs:write"], by=Actor.of_user(staff))
    assert service.issue(principal=ann, name="x", scopes=["docs:read"], by=Actor.of_user(staff)).key.created_by == staff
    boss = make_user("boss", is_superuser=True)
    assert service.issue(principal=ann, name="x", scopes=["docs:write"], by=Actor.of_user(boss))


def test_a_superuser_behind_a_narrow_key_is_not_beyond_bounds(make_user, make_key, caller):
    boss = make_user("boss", is_superuser=True)
    by = caller(make_key(boss, "docs:read"))
    with pytest.raises(NotHeld, match="boss does not hold docs:delete"):
        service.issue(principal=boss, name="x", scopes=["docs:delete"], by=by)


def test_a_lifetime_has_its_default_and_its_limit(ann, make_key, operator, settings):
    def days(issued):
        return round((issued.key.expires_at - timezone.now()).total_seconds() / 86400)

    assert days(make_key(ann)) == 365
    settings.API_ACCESS = {**settings.API_ACCESS, "KEY_MAX_LIFETIME": "30d"}
    assert days(make_key(ann)) == 30
    key = make_key(ann, expires_at=timezone.now() + timedelta(days=7)).key
    for expires_at in (None, timezone.now() + timedelta(days=31)):
        with pytest.raises(InvalidChange, match="at most 30d"), transaction.atomic():
            make_key(ann, expires_at=expires_at)
        with pytest.raises(InvalidChange, match="at most 30d"), transaction.atomic():
            service.change(key, by=operator, expires_at=expires_at)
        key.refresh_from_db()
    settings.API_ACCESS = {**settings.API_ACCESS, "KEY_MAX_LIFETIME": None, "KEY_DEFAULT_LIFETIME": None}
    assert make_key(ann).key.expires_at is None


# -- change


def test_a_change_is_told_with_before_and_after(ann, make_key, operator):
    key = make_key(ann, "docs:read", name="old").key
    service.change(
        key,
        by=operator,
        name="new",
        scopes=["docs:write"],
        networks=["10.0.0.1", "10.0.0.2"],
        origins="HTTPS://A.example",
        rate="5/min",
    )
    event = Event.objects.get(action="key.changed")
    assert (event.details["before"]["name"], event.details["after"]["name"]) == ("old", "new")
    assert event.details["after"]["networks"] == "10.0.0.1 10.0.0.2"
    assert event.details["after"]["origins"] == "https://a.example"
    stored = APIKey.objects.get(pk=key.pk)
    assert (stored.scopes, stored.rate) == (parse("docs:write"), "5/min")


def test_no_change_is_no_event(ann, make_key, operator):
    key = make_key(ann, "docs:read", networks="10.0.0.1").key
    service.change(
        key, by=operator, name=key.name, scopes=["docs:read"], networks=" 10.0.0.1 ", expires_at=key.expires_at
    )
    assert not Event.objects.filter(action="key.changed").exists()


def test_a_change_that_is_rolled_back_leaves_no_event(ann, make_key, operator):
    key = make_key(ann, "docs:read").key
    with rolled_back():
        service.change(key, by=operator, name="before the end", scopes=["docs:write"])
    assert not Event.objects.filter(action="key.changed").exists()
    assert APIKey.objects.get(pk=key.pk).name == "test"


def test_only_some_fields_can_be_changed_and_a_revoked_key_not_at_all(ann, make_key, operator):
    key = make_key(ann, "docs:read").key
    with pytest.raises(TypeError, match="no field 'principal'"):
        service.change(key, by=operator, principal=ann)
    service.revoke(key, reason="test", by=operator)
    with pytest.raises(InvalidChange, match="revoked"):
        service.change(key, by=operator, name="x")
    with pytest.raises(InvalidChange, match="revoked"):
        service.rotate(key, by=operator)


# -- rotate


def test_rotation_keeps_the_identity_and_lets_the_old_secret_live_for_a_while(ann, make_key, operator):
    old = make_key(ann, "docs:read")
    new = service.rotate(old.key, by=operator)
    assert new.key.pk == old.key.pk
    assert opens(old)
    assert opens(new)
    secrets = list(APIKeySecret.objects.filter(key=old.key).order_by("pk"))
    assert [secret.retired_at is None for secret in secrets] == [False, True]
    assert abs(secrets[0].expires_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert new.old_secret_valid_until == secrets[0].expires_at
    assert actions()[-1] == ("key.rotated", "test")


def test_grace_0_ends_all_older_secrets_at_once(ann, make_key, operator):
    first = make_key(ann, "docs:read")
    second = service.rotate(first.key, by=operator)
    third = service.rotate(first.key, by=operator, grace=timedelta(0))
    assert [opens(issued) for issued in (first, second, third)] == [False, False, True]


def test_a_longer_grace_later_does_not_revive_or_prolong(ann, make_key, operator):
    first = make_key(ann, "docs:read")
    service.rotate(first.key, by=operator, grace=timedelta(hours=1))
    end = APIKeySecret.objects.get(public_id=first.text.split("_")[1]).expires_at
    service.rotate(first.key, by=operator, grace=timedelta(days=30))
    assert APIKeySecret.objects.get(public_id=first.text.split("_")[1]).expires_at == end


def test_a_grace_beyond_all_calendars_is_refused(ann, make_key, operator):
    issued = make_key(ann, "docs:read")
    with pytest.raises(InvalidChange, match="never ends"), transaction.atomic():
        service.rotate(issued.key, by=operator, grace=timedelta(days=10**8))
    assert APIKeySecret.objects.count() == 1
    with pytest.raises(InvalidChange, match="never ends"):
        next(service.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(days=10**8)))
    assert APIKeySecret.objects.count() == 1


def test_of_two_rotations_at_once_one_is_told_of_the_other(ann, make_key, operator, monkeypatch):
    issued = make_key(ann, "docs:read")
    made = []

    def overtaken(current):
        """Both read the current secret; then the other one is faster."""
        monkeypatch.undo()
        made.append(service.rotate(issued.key, by=operator))
        return current

    first = APIKeySecret.objects.current().__class__.first
    monkeypatch.setattr("django.db.models.query.QuerySet.first", lambda queryset: overtaken(first(queryset)))
    with pytest.raises(Conflict, match="Nothing was done"):
        service.rotate(issued.key, by=operator)
    assert APIKeySecret.objects.count() == 2
    assert opens(made[0])
    assert Event.objects.filter(action="key.rotated").count() == 1


def test_the_database_allows_one_current_secret_a_key(ann, make_key):
    from django.db import IntegrityError

    key = make_key(ann, "docs:read").key
    with pytest.raises(IntegrityError), transaction.atomic():
        APIKeySecret.objects.create(key=key, public_id="second", digest="x")


def test_an_expired_key_cannot_be_rotated(ann, make_key, operator):
    key = make_key(ann, "docs:read").key
    key.expires_at = timezone.now()
    with pytest.raises(InvalidChange, match="expired"):
        service.rotate(key, by=operator)


def test_nobody_gets_the_text_of_a_key_that_can_do_more_than_they_can(ann, make_key, make_user):
    issued = make_key(ann, "docs:write")
    staff = make_user("staff", "docs:read", is_staff=True)
    with pytest.raises(NotHeld, match="staff does not hold docs:write") as caught:
        service.rotate(issued.key, by=Actor.of_user(staff))
    assert caught.value.missing == ("docs:write",)
    equal = make_user("equal", "docs:write", is_staff=True)
    assert opens(service.rotate(issued.key, by=Actor.of_user(equal)))
    boss = make_user("boss", is_superuser=True)
    assert opens(service.rotate(issued.key, by=Actor.of_user(boss)))


def test_ones_own_key_can_always_be_renewed(ann, make_key):
    issued = make_key(ann, "docs:write")
    ann.apiaccess_grants.all().delete()
    assert opens(service.rotate(issued.key, by=Actor.of_user(ann)))


def test_rotate_many_hands_out_each_batch_before_the_old_secrets_are_told_to_end(ann, make_key, operator):
    olds = [make_key(ann, "docs:read", name=f"key {n}") for n in range(5)]
    run = service.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0), batch=2)
    first = next(run)
    assert len(first) == 2
    assert all(opens(issued) for issued in (*olds, *first))
    second = next(run)
    assert [opens(issued) for issued in olds] == [False, False, True, True, True]
    assert all(opens(issued) for issued in (*first, *second))
    run.close()  # killed here: everything that was handed out works, and what was not told to end goes on
    assert all(opens(issued) for issued in (*first, *second, *olds[2:]))
    again = [
        issued
        for batch in service.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0))
        for issued in batch
    ]
    assert len(again) == 5
    assert all(map(opens, again))
    assert not any(map(opens, (*olds, *first, *second)))
    assert Event.objects.filter(action="key.rotated").count() == 7


def test_rotate_many_leaves_alone_what_is_not_usable(ann, make_key, operator):
    revoked = make_key(ann, "docs:read")
    service.revoke(revoked.key, reason="test", by=operator)
    assert [issued for batch in service.rotate_many(APIKey.objects.all(), by=operator) for issued in batch] == []
    assert APIKeySecret.objects.count() == 1


# -- revoke


def test_revoking_ends_every_secret_once_and_for_all(ann, make_key, operator):
    old = make_key(ann, "docs:read")
    new = service.rotate(old.key, by=operator)
    assert service.revoke(old.key, reason="leaked", by=operator) == 1
    assert not opens(old)
    assert not opens(new)
    when = old.key.revoked_at
    assert service.revoke(old.key, reason="again", by=operator) == 0
    old.key.refresh_from_db()
    assert (old.key.revoked_at, old.key.revoked_reason) == (when, "leaked")
    assert Event.objects.filter(action="key.revoked").count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_revoking_needs_a_reason(ann, make_key, operator, reason):
    issued = make_key(ann, "docs:read")
    with pytest.raises(InvalidChange, match="reason"):
        service.revoke(issued.key, reason=reason, by=operator)
    assert opens(issued)


def test_revoking_many_goes_in_batches(ann, make_key, operator):
    keys = [make_key(ann, "docs:read", name=f"key {n}") for n in range(5)]
    assert service.revoke(APIKey.objects.filter(name__lt="key 4"), reason="test", by=operator, batch=2) == 4
    assert [opens(issued) for issued in keys] == [False] * 4 + [True]
    assert Event.objects.filter(action="key.revoked", reason="test").count() == 4


# -- keys that keys asked for


@pytest.fixture
def parent(ann, make_key):
    return make_key(
        ann,
        "docs:write",
        name="parent",
        networks="203.0.113.0/24",
        origins="https://shop.example",
        expires_at=timezone.now() + timedelta(days=10),
    )


def test_a_key_that_a_key_asked_for_is_bound_as_that_one_is(ann, parent, caller):
    child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent)).key
    assert child.issued_via == parent.key
    assert (child.networks, child.origins) == ("203.0.113.0/24", "https://shop.example")
    assert child.expires_at == parent.key.expires_at


def test_a_key_with_a_rate_issues_no_keys_that_would_have_it_again(ann, make_key, caller):
    rated = make_key(ann, "docs:read", rate="5/min")
    with pytest.raises(NotHeld, match="Ask a person"), transaction.atomic():
        service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(rated))
    service.rotate(rated.key, by=caller(rated))


def test_it_may_be_bound_more_tightly_and_not_less(ann, parent, caller):
    by = caller(parent)
    child = service.issue(
        principal=ann,
        name="child",
        scopes=["docs:read"],
        networks="203.0.113.128/25",
        by=by,
        expires_at=timezone.now() + timedelta(days=1),
    ).key
    assert child.networks == "203.0.113.128/25"
    assert child.expires_at < parent.key.expires_at
    for fields in (
        {"networks": "203.0.112.0/23"},
        {"networks": "203.0.113.0/24 10.0.0.1"},
        {"networks": "::/0"},
        {"origins": "https://evil.example"},
    ):
        with pytest.raises(NotHeld, match="must"), transaction.atomic():
            service.issue(principal=ann, name="child", scopes=["docs:read"], by=by, **fields)
    with pytest.raises(NotHeld, match="does not hold docs:delete"):
        service.issue(principal=ann, name="child", scopes=["docs:delete"], by=by)


@pytest.mark.parametrize("fields", [{"networks": "nonsense"}, {"origins": "nonsense"}])
def test_nonsense_from_a_bound_key_is_told_as_nonsense(ann, parent, caller, fields):
    with pytest.raises(InvalidChange, match="is not a"), transaction.atomic():
        service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent), **fields)
    with pytest.raises(InvalidChange, match="is not a"):
        service.change(parent.key, by=caller(parent), **fields)


def test_revoking_a_key_ends_what_it_asked_for_and_what_those_asked_for(ann, make_key, caller, operator):
    parent = make_key(ann, "docs:write")
    child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent))
    grandchild = service.issue(principal=ann, name="grandchild", scopes=["docs:read"], by=caller(child))
    other = make_key(ann, "docs:read")
    assert service.revoke(parent.key, reason="leaked", by=operator) == 3
    assert [opens(issued) for issued in (parent, child, grandchild, other)] == [False, False, False, True]
    assert Event.objects.filter(action="key.revoked", reason="leaked").count() == 3


def test_narrowing_a_key_narrows_what_it_asked_for(ann, make_key, caller, operator):
    parent = make_key(ann, "docs:write", "reports:read")
    child = service.issue(principal=ann, name="child", scopes=["docs:write"], by=caller(parent))
    grandchild = service.issue(
        principal=ann, name="grandchild", scopes=["docs:read"], by=caller(child), networks="10.0.0.1"
    )
    soon = timezone.now() + timedelta(days=1)
    service.change(
        parent.key,
        by=operator,
        scopes=["docs:read"],
        networks="203.0.113.0/24",
        origins="https://a.example",
        rate="1/min",
        expires_at=soon,
    )
    for key in (child.key, grandchild.key):
        key.refresh_from_db()
        assert key.scopes == parse("docs:read")
        assert (key.networks, key.origins, key.rate) == ("203.0.113.0/24", "https://a.example", "1/min")
        assert key.expires_at == soon
    changed = Event.objects.filter(action="key.changed").order_by("pk")
    assert [event.target_label for event in changed] == ["test", "child", "grandchild"]
    assert changed[1].reason == "bound as test, which asked for it"


def test_widening_it_again_widens_nothing_else(ann, make_key, caller, operator):
    parent = make_key(ann, "docs:write")
    child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent))
    service.change(parent.key, by=operator, scopes=["docs:write", "reports:read"])
    child.key.refresh_from_db()
    assert child.key.scopes == parse("docs:read")


def test_not_even_its_owner_widens_a_key_beyond_the_one_that_asked_for_it(ann, parent, caller):
    child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent)).key
    owner = Actor.of_user(ann)
    with pytest.raises(NotHeld, match="issued via 'parent', which does not have reports:read"), transaction.atomic():
        service.change(child, by=owner, scopes=["docs:read", "reports:read"])
    child.refresh_from_db()
    service.change(child, by=owner, networks="", origins="", rate="", expires_at=None, scopes=["docs:write"])
    child.refresh_from_db()
    assert (child.networks, child.origins) == ("203.0.113.0/24", "https://shop.example")
    assert child.expires_at == parent.key.expires_at
    assert child.scopes == parse("docs:write")


def test_a_key_does_not_free_itself(ann, parent, caller, operator):
    by = caller(parent)
    service.change(parent.key, by=operator, rate="5/min")
    service.change(parent.key, by=by, networks="", origins="", rate="", expires_at=None)
    parent.key.refresh_from_db()
    assert (parent.key.networks, parent.key.origins, parent.key.rate) == (
        "203.0.113.0/24",
        "https://shop.example",
        "5/min",
    )
    assert parent.key.expires_at is not None
    with pytest.raises(NotHeld), transaction.atomic():
        service.change(parent.key, by=by, scopes=["docs:write", "reports:read"])


def test_a_secret_in_its_grace_makes_and_changes_nothing_that_lasts(ann, make_key, caller, operator):
    old = make_key(ann, "docs:write")
    sibling = make_key(ann, "docs:read")
    service.rotate(old.key, by=operator, grace=timedelta(hours=1))
    by = caller(old)
    for attempt in (
        lambda: service.issue(principal=ann, name="x", scopes=["docs:read"], by=by),
        lambda: service.rotate(old.key, by=by),
        lambda: service.rotate(sibling.key, by=by),
        lambda: service.change(old.key, by=by, name="mine now"),
    ):
        with pytest.raises(NotHeld, match="replaced by a rotation"), transaction.atomic():
            attempt()
    assert APIKey.objects.count() == 2
    assert APIKeySecret.objects.count() == 3


@pytest.mark.parametrize("left", [timedelta(minutes=50), timedelta(days=5), None])
def test_a_secret_in_its_grace_makes_nothing_also_where_its_key_ends_sooner(ann, make_key, caller, operator, left):
    old = make_key(ann, "docs:write", expires_at=None if left is None else timezone.now() + left)
    service.rotate(old.key, by=operator, grace=timedelta(hours=1))
    by = caller(old)
    for attempt in (
        lambda: service.issue(principal=ann, name="x", scopes=["docs:read"], by=by),
        lambda: service.rotate(old.key, by=by, grace=timedelta(0)),
        lambda: service.change(old.key, by=by, name="mine now"),
    ):
        with pytest.raises(NotHeld, match="replaced by a rotation"), transaction.atomic():
            attempt()


def test_a_secret_that_is_replaced_while_it_asks_makes_nothing(ann, make_key, caller, operator):
    old = make_key(ann, "docs:write")
    by = caller(old)
    service.rotate(old.key, by=operator, grace=timedelta(hours=1))
    with pytest.raises(NotHeld, match="replaced by a rotation"), transaction.atomic():
        service.issue(principal=ann, name="x", scopes=["docs:read"], by=by)


def test_what_a_stolen_key_takes_over_ends_with_it(ann, make_key, caller, operator):
    stolen, sibling = make_key(ann, "docs:write"), make_key(ann, "docs:read", name="sibling")
    service.change(sibling.key, by=caller(stolen), scopes=["docs:write"])
    taken = service.rotate(sibling.key, by=caller(stolen), grace=timedelta(0))
    assert opens(taken)
    service.revoke(stolen.key, reason="stolen", by=operator)
    assert not opens(taken)


def test_a_widened_key_belongs_to_the_one_that_widened_it_and_a_narrowed_one_does_not(ann, make_key, caller, operator):
    asking = make_key(ann, "docs:write", "reports:read")
    widened, narrowed = make_key(ann, "docs:read", name="widened"), make_key(ann, "docs:write", name="narrowed")
    service.change(widened.key, by=caller(asking), scopes=["docs:write"])
    service.change(narrowed.key, by=caller(asking), scopes=["docs:read"], name="less", expires_at=asking.key.expires_at)
    service.revoke(asking.key, reason="stolen", by=operator)
    assert (opens(widened), opens(narrowed)) == (False, True)


def test_no_key_takes_over_what_belongs_to_another_key_or_made_itself(ann, make_key, caller):
    parent, other = make_key(ann, "docs:write"), make_key(ann, "docs:write", name="other")
    child = service.issue(principal=ann, name="child", scopes=["docs:write"], by=caller(parent))
    for key, by in ((child.key, caller(other)), (parent.key, caller(child))):
        with pytest.raises(NotHeld, match="not issued via the key that asks"), transaction.atomic():
            service.rotate(key, by=by)
    assert [opens(issued) for issued in (parent, other, child)] == [True, True, True]
    grandchild = service.issue(principal=ann, name="grandchild", scopes=["docs:read"], by=caller(child))
    assert opens(service.rotate(grandchild.key, by=caller(parent)))
    grandchild.key.refresh_from_db()
    assert grandchild.key.issued_via == child.key


def test_what_somebody_else_just_narrowed_stays_narrow(ann, make_key, operator):
    issued = make_key(ann, "docs:write", "reports:read")
    loaded_before = APIKey.objects.get(pk=issued.key.pk)
    service.change(issued.key, by=operator, scopes=["docs:read"], networks="203.0.113.0/24")
    service.change(loaded_before, by=Actor.of_user(ann), name="new name")
    stored = APIKey.objects.get(pk=issued.key.pk)
    assert (stored.name, stored.scopes, stored.networks) == ("new name", parse("docs:read"), "203.0.113.0/24")
    service.revoke(issued.key, reason="test", by=operator)
    with pytest.raises(InvalidChange, match="revoked key cannot be changed"):
        service.change(loaded_before, by=operator, name="newer name")


def test_a_key_hands_on_no_wildcard_that_it_does_not_have(ann, make_key, caller, operator):
    roles.grant(user=ann, scope="docs:*", by=operator)
    piecewise, whole = make_key(ann, "docs:write", "docs:delete"), make_key(ann, "docs:*", name="whole")
    by = caller(piecewise)
    assert "docs:*" not in service.issue(principal=ann, name="child", scopes=["docs:*"], by=by).key.scopes
    service.change(piecewise.key, by=by, scopes=["docs:*"])
    piecewise.key.refresh_from_db()
    assert piecewise.key.scopes == parse("docs:read docs:write docs:delete")
    assert service.issue(principal=ann, name="child", scopes=["docs:*"], by=caller(whole)).key.scopes == parse("docs:*")


def test_deleting_a_key_deletes_what_it_asked_for(ann, make_key, caller):
    parent = make_key(ann, "docs:write")
    child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=caller(parent))
    parent.key.delete()
    assert not opens(child)


# -- service accounts


def test_a_service_account_is_a_user_that_cannot_log_in(make_user, operator):
    owner = make_user("owner")
    account = service.create_service_account(name="robot", owner=owner, purpose="nightly import", by=operator)
    assert not account.user.has_usable_password()
    assert account.user.username == "robot"
    assert service.service_account("robot") == account
    event = Event.objects.get(action="service_account.created")
    assert event.details == {"owner": "owner", "purpose": "nightly import"}
    roles.grant(user=account.user, scope="docs:read", by=operator)
    assert opens(service.issue(principal=account.user, name="x", scopes=["docs:read"], by=operator))


@pytest.mark.parametrize(
    ("name", "purpose", "field"),
    [
        ("", "x", "name"),
        (" ", "x", "name"),
        ("robot", " ", "purpose"),
        ("taken", "x", "name"),
        ("bad name!", "x", "username"),
        ("x" * 300, "x", "username"),
    ],
)
def test_a_service_account_that_cannot_be_is_refused_in_words(make_user, operator, name, purpose, field):
    owner = make_user("taken")
    with pytest.raises(InvalidChange) as caught, transaction.atomic():
        service.create_service_account(name=name, owner=owner, purpose=purpose, by=operator)
    assert caught.value.field == field
    assert not ServiceAccount.objects.exists()


def test_an_unknown_service_account_names_the_nearest(make_user, operator):
    service.create_service_account(name="warehouse", owner=make_user("owner"), purpose="x", by=operator)
    with pytest.raises(UnknownName, match="Did you mean 'warehouse'"):
        service.service_account("warehose")


def test_where_a_request_comes_from_is_in_the_event(ann, rf):
    where = where_of(rf.post("/keys/", headers={"X-Request-ID": "r-1"}))
    service.issue(principal=ann, name="x", scopes=[], by=Actor.of_user(ann, where=where))
    event = Event.objects.get(action="key.created")
    assert (event.actor_kind, event.actor_label, event.address, event.method, event.path, event.request_id) == (
        "user",
        "ann",
        "127.0.0.1",
        "POST",
        "/keys/",
        "r-1",
    )


def test_a_key_that_goes_with_its_principal_leaves_an_event(ann, make_key):
    key = make_key(ann, "docs:read").key
    pk = key.pk
    ann.delete()
    gone = Event.objects.get(action="key.deleted")
    assert (gone.target_id, gone.target_label, gone.actor_kind) == (str(pk), "test", "system")
