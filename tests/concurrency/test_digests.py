"""The first use of a secret whose digest is of an old kind, by many at once: all are let in, one digest remains."""

from __future__ import annotations

import hashlib

import pytest

from django_apiaccess.core import digests
from django_apiaccess.keys import legacy
from django_apiaccess.keys.lookup import memory
from django_apiaccess.keys.models import APIKeySecret

from .threads import race

OLD, NEW = "an-old-pepper-of-at-least-32-characters", "the-new-pepper-of-at-least-32-characters"
ROUNDS = 5


def first_use_by_eight(client_of, text: str, scheme: str = "Api-Key") -> None:
    outcomes = race(*[lambda: client_of(text, scheme).get("/read-only/").status_code] * 8)
    assert outcomes == [200] * 8


@pytest.mark.parametrize("seconds", [0, 30], ids=["without cache", "with cache"])
def test_after_a_change_of_pepper_all_are_let_in_and_the_new_one_signs(
    make_user, make_key, client_of, api_access, seconds
):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        api_access(PEPPERS=[OLD], CACHE_SECONDS=seconds, MAX_REVOCATION_LAG=1)
        issued = make_key(ann, "docs:read")
        api_access(PEPPERS=[NEW, OLD])
        first_use_by_eight(client_of, issued.text)
        assert issued.key.secrets.get().digest == digests.make(issued.text, [NEW])
        api_access(PEPPERS=[NEW])
        memory.clear()  # settings change with a restart
        assert client_of(issued).get("/read-only/").status_code == 200


def test_an_imported_key_is_let_in_for_all_and_gets_a_digest_of_ours(make_user, make_key, client_of):
    ann = make_user("ann", "docs:read")
    for number in range(ROUNDS):
        token = hashlib.sha256(str(number).encode()).hexdigest()
        stored = hashlib.sha512(token.encode()).hexdigest()
        secret = make_key(ann, "docs:read").key.secrets.get()
        APIKeySecret.objects.filter(pk=secret.pk).update(public_id=legacy.knox_id(stored), digest=f"sha512$5${stored}")
        first_use_by_eight(client_of, token, "Token")
        secret.refresh_from_db()
        assert digests.is_native(secret.digest)


def test_a_secret_that_is_wrong_is_not_let_in_while_others_upgrade_it(make_user, make_key, client_of, api_access):
    api_access(PEPPERS=[OLD])
    issued, other = (make_key(make_user(name, "docs:read"), "docs:read") for name in ("ann", "bob"))
    secret = issued.key.secrets.get()
    other.key.secrets.update(digest=secret.digest)  # its own text no longer fits
    api_access(PEPPERS=[NEW, OLD])
    outcomes = race(
        *[lambda text=text: client_of(text).get("/read-only/").status_code for text in (issued.text, other.text) * 4]
    )
    assert outcomes == [200, 401] * 4
    assert other.key.secrets.get().digest == secret.digest
