"""Keys asked by their state."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.keys import service
from django_apiaccess.keys.models import APIKey, APIKeySecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(make_user, make_key, operator):
    """One key of each kind, by name."""
    ann, now = make_user("ann"), timezone.now()
    made = {
        name: make_key(ann, name=name).key
        for name in ("fresh", "old", "used", "soon", "expired", "revoked", "legacy", "forever")
    }
    long_ago = now - timedelta(days=100)

    def put(name, **columns):
        APIKey.objects.filter(pk=made[name].pk).update(**columns)

    put("old", created_at=long_ago)
    put("used", created_at=long_ago, last_used_at=now)
    put("soon", expires_at=now + timedelta(days=7))
    put("expired", expires_at=now)
    put("forever", expires_at=None)
    APIKeySecret.objects.filter(key=made["old"]).update(created_at=long_ago)
    APIKeySecret.objects.filter(key=made["legacy"]).update(public_id="knox:abc")
    service.revoke(made["revoked"], reason="test", by=operator)
    return made


def found(queryset):
    return set(queryset.values_list("name", flat=True))


def test_questions(keys):
    everything = set(keys)
    assert found(APIKey.objects.usable()) == everything - {"expired", "revoked"}
    assert found(APIKey.objects.expiring_within(timedelta(days=14))) == {"soon"}
    assert found(APIKey.objects.expiring_within(timedelta(days=1))) == set()
    assert found(APIKey.objects.unused_for(timedelta(days=90))) == {"old"}
    assert found(APIKey.objects.older_than(timedelta(days=90))) == {"old"}
    assert found(APIKey.objects.legacy()) == {"legacy"}
    assert found(APIKey.objects.of_active_principals()) == everything


def test_the_status_of_a_key_says_the_same(keys):
    states = {key.name: key.status for key in APIKey.objects.all()}
    assert states.pop("expired") == "expired"
    assert states.pop("revoked") == "revoked"
    assert set(states.values()) == {"active"}


def test_a_legacy_secret_in_its_grace_counts_until_it_ends(keys, operator):
    service.rotate(keys["legacy"], by=operator, grace=timedelta(hours=1))
    assert found(APIKey.objects.legacy()) == {"legacy"}
    service.rotate(keys["legacy"], by=operator, grace=timedelta(0))
    assert found(APIKey.objects.legacy()) == set()
