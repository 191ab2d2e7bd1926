"""Signing keys: published before they sign, verified until their last token is dead, distrusted at once, sealed, and made once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.conf import access_settings
from django_apiaccess.core import claims as core_claims
from django_apiaccess.core import sealing
from django_apiaccess.core.compact import parse
from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.models import Event
from django_apiaccess.tokens import jws
from django_apiaccess.tokens import ring as rings
from django_apiaccess.tokens.models import SigningKey
from django_apiaccess.tokens.ring import PUBLISH_AHEAD, KeyRing, ring

from .forging import forger_for

pytestmark = pytest.mark.django_db
BY = Actor.command("test")
State = SigningKey.State


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds=5)`: moves every clock that tokens are judged by."""
    import time

    now, real_monotonic, real_time = timezone.now(), time.monotonic, time.time
    started, moved = real_monotonic(), [timedelta(0)]

    def current():
        return now + moved[0] + timedelta(seconds=real_monotonic() - started)

    monkeypatch.setattr(timezone, "now", current)
    monkeypatch.setattr(rings.time, "monotonic", lambda: real_monotonic() + moved[0].total_seconds())
    monkeypatch.setattr(rings.time, "time", lambda: real_time() + moved[0].total_seconds())

    def move(**by):
        moved[0] += timedelta(**by)

    return move


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


def send(token):
    return APIClient().get("/read-only/", HTTP_AUTHORIZATION=f"Bearer {token}").status_code


def logged_in(user):
    return forger_for(user, "docs:read").good


def kid_of(token):
    return parse(token).key_id


def published():
    return [key["kid"] for key in APIClient().get("/.well-known/jwks.json").json()["keys"]]


def sign(**extra):
    return ring.sign({"sub": "1", **extra}, typ="at+jwt")


# -- rotation


def test_the_first_log_in_makes_the_first_key(ann):
    assert not SigningKey.objects.exists()
    assert send(logged_in(ann)) == 200
    key = SigningKey.objects.get()
    assert (key.number, key.algorithm, key.state()) == (1, "EdDSA", State.ACTIVE)
    assert Event.objects.filter(action="signing_key.made").count() == 1


def test_KY_03_tokens_from_before_during_and_after_a_rotation_are_good_to_their_end(ann, clock):
    before = logged_in(ann)
    made, fresh = rings.rotate(by=BY)
    assert fresh
    assert made.state() == State.NEXT
    assert published() == [kid_of(before), made.kid]
    during = logged_in(ann)
    assert kid_of(during) == kid_of(before)  # published, and not signing yet
    clock(seconds=PUBLISH_AHEAD.total_seconds() - 15)
    last = logged_in(ann)
    assert kid_of(last) == kid_of(before)
    clock(seconds=30)
    after = logged_in(ann)
    assert kid_of(after) == made.kid
    assert [send(token) for token in (during, last, after)] == [401, 200, 200]  # the first is past its end
    assert {key.kid: key.state() for key in SigningKey.objects.all()} == {
        kid_of(before): State.RETIRING, made.kid: State.ACTIVE,
    }  # fmt: skip
    clock(minutes=9)
    assert (send(last), send(after)) == (200, 200)
    clock(minutes=3)
    assert published() == [made.kid]
    assert SigningKey.objects.get(kid=kid_of(before)).state() == State.RETIRED


def test_the_time_of_publishing_is_longer_than_caches_keep_the_set():
    assert rings.JWKS_MAX_AGE * 2 <= PUBLISH_AHEAD
    assert timedelta(seconds=rings.RELOAD_SECONDS) < PUBLISH_AHEAD
    assert timedelta(seconds=rings.RELOAD_SECONDS) + timedelta(seconds=10) < rings.LEEWAY


def test_rotating_again_while_one_is_published_makes_no_other(ann):
    logged_in(ann)
    first, made = rings.rotate(by=BY)
    second, again = rings.rotate(by=BY)
    assert (first, made, again) == (second, True, False)
    assert SigningKey.objects.count() == 2


def test_now_signs_at_once_and_what_was_signed_before_stays_good(ann):
    before = logged_in(ann)
    rings.rotate(by=BY)
    made, fresh = rings.rotate(by=BY, now=True)
    assert fresh
    ring.clear()
    after = logged_in(ann)
    assert kid_of(after) == made.kid
    assert (send(before), send(after)) == (200, 200)


def test_a_worker_with_an_old_ring_still_verifies_what_another_signs(ann):
    old = logged_in(ann)
    other = KeyRing()  # another process
    rings.rotate(by=BY, now=True)
    token = other.sign(json.loads(json.dumps(parse(old).claims)), typ="at+jwt")
    assert kid_of(token) != kid_of(old)
    ring._loaded_at -= 2
    assert (send(token), send(old)) == (200, 200)


def test_a_worker_that_has_not_heard_of_a_rotation_signs_with_the_old_key_for_seconds_only(ann, clock):
    old = logged_in(ann)
    other = KeyRing()
    other.reload()
    made, _ = rings.rotate(by=BY, now=True)
    token = other.sign(parse(old).claims, typ="at+jwt")
    assert kid_of(token) == kid_of(old)
    assert send(token) == 200
    clock(seconds=rings.RELOAD_SECONDS)
    assert kid_of(other.sign({}, typ="at+jwt")) == made.kid


def test_the_algorithm_can_be_changed_by_rotation(ann, clock):
    before = logged_in(ann)
    made, _ = rings.rotate(by=BY, algorithm="ES256", now=True)
    ring.clear()
    after = logged_in(ann)
    assert (made.algorithm, parse(after).algorithm, parse(before).algorithm) == ("ES256", "ES256", "EdDSA")
    assert (send(before), send(after)) == (200, 200)


def test_KY_01_an_algorithm_that_is_not_offered_is_refused_and_makes_nothing():
    for name in ("HS256", "none", "ES512", "eddsa"):
        with pytest.raises(InvalidChange, match="EdDSA"):
            rings.rotate(by=BY, algorithm=name)
    assert not SigningKey.objects.exists()
    with pytest.raises(ValueError, match="choose one of"):
        jws.generate("HS256")


def test_a_key_that_retires_soon_signs_nothing_that_would_outlive_it(ann, clock):
    old = logged_in(ann)
    made, _ = rings.rotate(by=BY, now=True)
    SigningKey.objects.filter(pk=made.pk).update(compromised=True)  # by hand, without the service
    SigningKey.objects.filter(kid=kid_of(old)).update(verifies_until=timezone.now() + timedelta(seconds=30))
    ring.clear()
    assert kid_of(sign()) == kid_of(old)  # nothing better is there
    clock(seconds=60)
    token = sign()  # nothing at all is there: a new one is made
    assert kid_of(token) not in {kid_of(old), made.kid}
    assert SigningKey.objects.count() == 3


def test_a_clock_that_is_behind_signs_with_the_key_that_another_worker_made(ann, clock):
    logged_in(ann)
    clock(seconds=-20)
    ring.clear()
    assert sign()
    assert SigningKey.objects.count() == 1


# -- compromise


@pytest.mark.parametrize("cache", [0, 60])
def test_KY_04_a_compromise_is_felt_at_the_next_request_of_a_warm_worker(ann, settings, cache):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": cache, "GENERATION_SECONDS": 0}
    token = logged_in(ann)
    assert (send(token), send(token)) == (200, 200)
    rings.compromise(kid_of(token), by=BY, reason="The backup was stolen")
    assert send(token) == 401
    assert kid_of(token) not in published()
    event = Event.objects.get(action="signing_key.compromised")
    assert event.reason == "The backup was stolen"


def test_KY_04_log_ins_go_on_at_once_after_a_compromise(ann):
    token = logged_in(ann)
    rings.compromise(kid_of(token), by=BY, reason="stolen")
    ring._loaded_at -= rings.RELOAD_SECONDS
    fresh = logged_in(ann)
    assert kid_of(fresh) != kid_of(token)
    assert (send(fresh), send(token)) == (200, 401)
    assert SigningKey.objects.get(kid=kid_of(token)).sealed_private == ""


def test_a_compromised_next_key_never_signs_and_another_takes_its_place(ann, clock):
    token = logged_in(ann)
    following, _ = rings.rotate(by=BY)
    rings.compromise(following.kid, by=BY, reason="stolen")
    clock(minutes=30)
    fresh = logged_in(ann)
    assert kid_of(fresh) not in {following.kid, kid_of(token)}
    assert send(fresh) == 200


def test_a_compromised_old_key_makes_no_new_one(ann):
    old = logged_in(ann)
    rings.rotate(by=BY, now=True)
    rings.compromise(kid_of(old), by=BY, reason="stolen")
    assert SigningKey.objects.count() == 2
    assert send(old) == 401


def test_a_compromise_needs_a_reason_a_key_and_happens_once(ann):
    kid = kid_of(logged_in(ann))
    with pytest.raises(InvalidChange, match="needs a reason"):
        rings.compromise(kid, by=BY, reason="  ")
    with pytest.raises(InvalidChange, match="Did you mean"):
        rings.compromise(kid[:-2], by=BY, reason="stolen")
    rings.compromise(kid, by=BY, reason="stolen")
    with pytest.raises(InvalidChange, match="already"):
        rings.compromise(kid, by=BY, reason="stolen")
    assert Event.objects.filter(action="signing_key.compromised").count() == 1


# -- sealed


def private_texts():
    held = ring._signing_key()
    pem = jws.private_pem(held.unseal()).decode()
    raw = json.loads(jws.OKPAlgorithm.to_jwk(held.unseal()))["d"]
    return [pem, "".join(pem.splitlines()[1:-1]), raw]


def test_KY_05_nothing_that_shows_a_key_shows_its_private_half(ann, tmp_path):
    token = logged_in(ann)
    path = tmp_path / "dump.json"
    call_command("dumpdata", "django_apiaccess", output=str(path), verbosity=0)
    row = SigningKey.objects.get()
    held = ring._signing_key()
    shown = [
        path.read_text(),
        repr(row),
        str(row),
        repr(held),
        repr(ring),
        repr(row.__dict__),
        json.dumps(ring.jwks()),
        repr(vars(ring)),
    ]
    shown += [json.dumps(list(Event.objects.values("details", "target_label")), default=str), token]
    for private in private_texts():
        assert all(private not in text for text in shown)
    for key in APIClient().get("/.well-known/jwks.json").json()["keys"]:
        assert key.keys() == {"kty", "crv", "x", "alg", "use", "kid"}


def test_KY_05_a_sealed_half_that_is_moved_to_another_row_signs_nothing(ann):
    logged_in(ann)
    made, _ = rings.rotate(by=BY, now=True)
    first = SigningKey.objects.get(number=1)
    SigningKey.objects.filter(pk=made.pk).update(sealed_private=first.sealed_private)
    ring.clear()
    with pytest.raises(sealing.SealError):
        sign()


def test_KY_06_a_new_pepper_opens_old_keys_and_reseal_moves_them(ann, settings):
    token = logged_in(ann)
    rings.rotate(by=BY)
    old = settings.API_ACCESS["PEPPERS"]
    fresh = ["the-new-pepper-of-the-suite-0123456789abcdef"]
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": [*fresh, *old]}
    ring.clear()
    assert kid_of(sign()) == kid_of(token)
    newest = [
        sealing.is_newest(row.sealed_private, secrets=access_settings.PEPPERS, purpose=rings.PURPOSE)
        for row in SigningKey.objects.all()
    ]
    assert newest == [False, False]
    assert (rings.reseal(by=BY), rings.reseal(by=BY)) == (2, 0)
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": fresh}
    ring.clear()
    assert kid_of(sign()) == kid_of(token)
    assert Event.objects.get(action="signing_keys.resealed").details["count"] == 2


def test_KY_06_reseal_does_all_it_can_and_names_what_it_cannot(ann, settings):
    logged_in(ann)
    rings.rotate(by=BY)
    lost = SigningKey.objects.get(number=1)
    other = sealing.seal(b"x", secrets=["another-pepper-that-is-gone-0123456789"], purpose=rings.PURPOSE, row=lost.kid)
    SigningKey.objects.filter(pk=lost.pk).update(sealed_private=other)
    settings.API_ACCESS = {
        **settings.API_ACCESS, "PEPPERS": ["the-new-pepper-of-the-suite-0123456789abcdef", *settings.API_ACCESS["PEPPERS"]],
    }  # fmt: skip
    with pytest.raises(InvalidChange, match=rf"1 sealed anew.*{lost.kid}"):
        rings.reseal(by=BY)
    assert rings.sealing.is_newest(
        SigningKey.objects.get(number=2).sealed_private, secrets=access_settings.PEPPERS, purpose=rings.PURPOSE
    )


def test_the_private_halves_of_retired_keys_are_forgotten(ann, clock):
    logged_in(ann)
    rings.rotate(by=BY, now=True)
    clock(hours=1)
    assert rings.forget_retired() == 1
    assert [row.sealed_private == "" for row in SigningKey.objects.order_by("number")] == [True, False]


def test_SECRET_KEY_and_peppers_sign_no_tokens(ann, settings):
    """What is derived from one pepper for one purpose is not what another purpose has."""
    assert sealing._key("pepper", "signing-key") != sealing._key("pepper", "totp")


# -- the published set


def test_the_set_is_cached_shorter_than_a_key_is_published_ahead(ann):
    empty = APIClient().get("/.well-known/jwks.json")
    assert (empty.json(), empty["Cache-Control"]) == ({"keys": []}, "no-store")
    logged_in(ann)
    answer = APIClient().get("/.well-known/jwks.json")
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer["Content-Type"] == "application/json"
    assert not answer.cookies
    assert APIClient().head("/.well-known/jwks.json").status_code == 200
    assert APIClient().post("/.well-known/jwks.json").status_code == 405


def test_a_key_that_another_process_made_is_published_at_once(ann):
    logged_in(ann)
    assert len(published()) == 1
    rings.rotate(by=BY)
    assert len(published()) == 2


def test_the_key_id_is_the_thumbprint_of_rfc_7638():
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert jws.thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037 appendix A.3


# -- what it costs


def test_signing_with_a_warm_ring_and_verifying_a_known_kid_cost_no_query(ann):
    logged_in(ann)
    with CaptureQueriesContext(connection) as captured:
        token = sign()
        assert ring.verifying_key(kid_of(token)) is not None
    assert len(captured) == 0


def test_unknown_key_ids_reload_the_ring_once_a_second(ann, clock):
    logged_in(ann)
    clock(seconds=5)
    with CaptureQueriesContext(connection) as captured:
        for number in range(100):
            assert ring.verifying_key(f"unknown-{number}") is None
    assert len(captured) == 2
    assert ring.verifying_key(None) is None
    assert ring.verifying_key("") is None


def test_an_own_token_that_lives_longer_than_the_setting_is_refused_by_every_verifier():
    from django_apiaccess.tokens.credential import own_expectation

    assert own_expectation().max_lifetime == timedelta(hours=1)
    assert own_expectation().types == core_claims.TOKEN_TYPES
