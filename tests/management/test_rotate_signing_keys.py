"""`rotate_signing_keys` as an operator runs it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from django_apiaccess.models import Event
from django_apiaccess.tokens.models import SigningKey
from django_apiaccess.tokens.ring import make_first_key, ring

COMMAND = "rotate_signing_keys"


def kids():
    return [row.kid for row in SigningKey.objects.order_by("number")]


def test_without_keys_the_list_is_empty_and_says_what_happens_next(run):
    ran = run(COMMAND, "--list")
    assert ran.out == ""
    assert "first log-in" in ran.err
    assert run(COMMAND, "--list", "--format", "json").json == []
    assert not SigningKey.objects.exists()


def test_the_first_run_makes_a_key_that_signs_at_once(run):
    ran = run(COMMAND, "--format", "json")
    assert [(row["number"], row["state"], row["algorithm"]) for row in ran.json] == [(1, "active", "EdDSA")]
    assert "is published and signs from" in ran.err


def test_the_next_run_publishes_a_key_and_a_third_makes_no_other(run):
    make_first_key()
    ran = run(COMMAND, "--format", "json")
    assert [row["state"] for row in ran.json] == ["active", "next"]
    again = run(COMMAND, "--format", "json")
    assert "no other was made" in again.err
    assert again.json == ran.json
    event = Event.objects.filter(action="signing_key.made").order_by("-pk").first()
    assert (event.actor_kind, event.target_label) == ("command", f"EdDSA {kids()[1]}")


def test_now_and_another_algorithm(run):
    make_first_key()
    ran = run(COMMAND, "--now", "--algorithm", "ES256", "--format", "json")
    assert [(row["state"], row["algorithm"]) for row in ran.json] == [("retiring", "EdDSA"), ("active", "ES256")]
    ring.clear()
    assert ring.sign({}, typ="at+jwt")


def test_the_table_names_every_key_whole_and_nothing_private(run):
    make_first_key()
    ran = run(COMMAND, "--list")
    assert kids()[0] in ran.out
    assert "active" in ran.out
    assert SigningKey.objects.get().sealed_private not in ran.out + ran.err
    assert "PRIVATE" not in ran.out + ran.err


def test_a_compromised_key_is_listed_as_such_and_another_signs(run):
    make_first_key()
    bad = kids()[0]
    ran = run(COMMAND, f"--compromised={bad}", "--reason", "Stolen laptop", "--format", "json")
    assert [(row["kid"] == bad, row["state"]) for row in ran.json] == [(True, "compromised"), (False, "active")]
    assert Event.objects.get(action="signing_key.compromised").reason == "Stolen laptop"


def test_reseal_moves_keys_to_the_newest_pepper(run, settings):
    make_first_key()
    assert "0 keys sealed anew" in run(COMMAND, "--reseal").err
    settings.API_ACCESS = {"PEPPERS": ["a-new-pepper-0123456789-0123456789-abc", *settings.API_ACCESS["PEPPERS"]]}
    assert "1 key sealed anew" in run(COMMAND, "--reseal").err
    assert "0 keys sealed anew" in run(COMMAND, "--reseal").err


def test_reseal_without_the_old_pepper_says_how_to_go_on(run, refused, settings):
    make_first_key()
    settings.API_ACCESS = {"PEPPERS": ["a-new-pepper-0123456789-0123456789-abc"]}
    message = refused(COMMAND, "--reseal")
    assert kids()[0] in message
    assert "Put their pepper back" in message


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--algorithm", "es256"], "Did you mean 'ES256'"),
        (["--algorithm", "HS256"], "is not one of"),
        (["--algorithm", "none"], "is not one of"),
        (["--compromised", "x"], "--reason TEXT"),
        (["--compromised", "x", "--reason", " "], "--reason TEXT"),
        (["--compromised", "nokey", "--reason", "stolen"], "There is no signing key 'nokey'"),
        (["--reason", "x"], "belongs to --compromised"),
        (["--list", "--now"], "--list"),
        (["--reseal", "--algorithm", "ES256"], "--reseal"),
        (["--list", "--reseal"], "not allowed with"),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(run, refused, arguments, says):
    make_first_key()
    before = list(SigningKey.objects.values())
    assert says in refused(COMMAND, *arguments)
    assert list(SigningKey.objects.values()) == before


def test_a_retired_key_is_shown_as_retired(run):
    make_first_key()
    run(COMMAND, "--now")
    SigningKey.objects.filter(number=1).update(verifies_until=timezone.now())
    assert [row["state"] for row in run(COMMAND, "--list", "--format", "json").json] == ["retired", "active"]
