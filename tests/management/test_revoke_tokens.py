"""revoke_tokens: whatever was logged in is out with the next request, and what was issued afterwards works."""

from __future__ import annotations

import pytest

from django_apiaccess.models import Event, TokenSession
from tests.tokens.people import log_in, refreshed


@pytest.fixture(autouse=True)
def people(make_user):
    return [make_user(name, "docs:read") for name in ("ann", "bob")]


def results(ran):
    return [(row["user"], row["result"]) for row in ran.json]


def test_one_users_sessions_end_at_once_and_new_ones_work(run):
    mine, also_mine, theirs = log_in("ann"), log_in("ann"), log_in("bob")
    ran = run("revoke_tokens", "--user", "ann", "--reason", "Lost her laptop", "--format", "json")
    assert results(ran) == [("ann", "ended"), ("ann", "ended")]
    assert "2 sessions ended" in ran.err
    assert [pair.opens for pair in (mine, also_mine, theirs)] == [401, 401, 200]
    assert refreshed(mine.refresh).status_code == 400
    assert log_in("ann").opens == 200


def test_the_reason_and_the_command_are_kept(run):
    log_in("ann")
    run("revoke_tokens", "--user", "ann", "--reason", "Lost her laptop")
    event = Event.objects.get(action="session.ended")
    assert (event.actor_kind, event.actor_label, event.reason) == ("command", "revoke_tokens", "Lost her laptop")
    assert TokenSession.objects.get().revoked_reason == "Lost her laptop"


def test_one_session_by_its_id(run):
    pairs = [log_in("ann"), log_in("ann")]
    sid = TokenSession.objects.earliest("pk").sid
    run("revoke_tokens", "--session", sid, "--reason", "x")
    assert [pair.opens for pair in pairs] == [401, 200]
    again = run("revoke_tokens", "--session", sid, "--reason", "y", "--format", "json")
    assert results(again) == [("ann", "had ended before")]
    assert TokenSession.objects.get(sid=sid).revoked_reason == "x"


def test_all_of_a_client_and_all_of_everybody(run):
    pairs = [log_in("ann"), log_in("bob")]
    TokenSession.objects.filter(user__username="bob").update(client_id="mobile")
    run("revoke_tokens", "--client", "first-party", "--reason", "x")
    assert pairs[0].opens == 401
    assert TokenSession.objects.filter(revoked_at=None).count() == 1
    assert len(run("revoke_tokens", "--all", "--reason", "x", "--format", "json").json) == 1
    assert TokenSession.objects.filter(revoked_at=None).count() == 0
    assert run("revoke_tokens", "--all", "--reason", "x", "--format", "json").json == []


def test_api_keys_and_django_sessions_go_on(run, people, make_key, client_of, client):
    key = client_of(make_key(people[0], "docs:read"))
    client.force_login(people[0])
    run("revoke_tokens", "--all", "--reason", "x")
    assert key.get("/read-only/").status_code == 200
    assert client.get("/read-only/").status_code == 200


def test_a_dry_run_changes_nothing(run):
    pair = log_in("ann")
    ran = run("revoke_tokens", "--all", "--reason", "x", "--dry-run", "--format", "json")
    assert results(ran) == [("ann", "would end")]
    assert "Nothing was changed" in ran.err
    assert pair.opens == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--user", "ann"], "--reason"),
        (["--user", "ann", "--reason", "  "], "say why"),
        (["--reason", "x"], "--user"),
        (["--user", "ann", "--all", "--reason", "x"], "not allowed with"),
        (["--user", "an", "--reason", "x"], "Did you mean 'ann'?"),
        (["--client", "first-part", "--reason", "x"], "Did you mean 'first-party'?"),
        (["--session", "nobody", "--reason", "x"], "no session has the sid 'nobody'"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_ends(refused, arguments, said):
    pair = log_in("ann")
    assert said in refused("revoke_tokens", *arguments)
    assert pair.opens == 200


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_in_place_of_an_id_is_not_repeated(refused, kind):
    text = getattr(log_in("ann"), kind)
    said = refused("revoke_tokens", "--session", text, "--reason", "x")
    assert "looks like a token" in said
    assert text[:20] not in said


def test_nothing_secret_is_printed(run):
    pair = log_in("ann")
    ran = run("revoke_tokens", "--all", "--reason", "x", "--format", "json")
    printed = ran.out + ran.err
    assert pair.refresh not in printed
    assert pair.access not in printed
    assert "hmac" not in printed
