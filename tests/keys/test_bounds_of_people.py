"""Whoever makes or rotates a key of somebody else gets its text: it must do no more than they may."""

import pytest

from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import NotHeld
from django_apiaccess.keys import service as keys
from django_apiaccess.roles import service as roles
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db


@pytest.fixture
def zoe(make_user, make_role):
    """Holds it on everything, and a role that a key for it covers."""
    make_role("reader", "docs:read")
    return make_user("zoe", role="reader")


@pytest.fixture
def one_document(make_user, operator):
    """Holds the scope on one document alone."""
    ann = make_user("ann")
    roles.grant(user=ann, scope="docs:read", on=Document.objects.create(title="x"), by=operator)
    return ann


def test_a_right_on_one_object_makes_a_key_of_ones_own_only(one_document, zoe):
    by = Actor.of_user(one_document)
    assert keys.issue(principal=one_document, name="mine", scopes=["docs:read"], by=by).text
    with pytest.raises(NotHeld, match="ann does not hold docs:read"):
        keys.issue(principal=zoe, name="hers", scopes=["docs:read"], by=by)


def test_nor_does_it_widen_or_rotate_somebody_elses(one_document, zoe, make_key):
    by, key = Actor.of_user(one_document), make_key(zoe, "docs:read").key
    bare = make_key(zoe, name="bare").key
    with pytest.raises(NotHeld):
        keys.change(bare, scopes=["docs:read"], by=by)
    with pytest.raises(NotHeld):
        keys.rotate(key, by=by)


def test_a_role_that_the_key_would_carry_must_be_held_too(make_user, zoe, make_role, operator):
    ann = make_user("ann", "docs:read")
    with pytest.raises(NotHeld, match="reader"):
        keys.issue(principal=zoe, name="hers", scopes=["docs:read"], by=Actor.of_user(ann))
    roles.grant(user=ann, role="reader", by=operator)
    assert keys.issue(principal=zoe, name="hers", scopes=["docs:read"], by=Actor.of_user(ann)).text
