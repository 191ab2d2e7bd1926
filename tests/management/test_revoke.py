"""revoke_api_keys, and --leaked above all: it finds real keys anywhere and is not fooled by invented ones."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.core import secrets
from django_apiaccess.keys import leaked, service
from django_apiaccess.models import APIKey, APIKeySecret, Event


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def issued(ann, make_key):
    return [make_key(ann, "docs:read", name=f"key {number}") for number in range(3)]


def works(client_of, text):
    return client_of(text).get("/read-only/").status_code == 200


def results(ran):
    return {row["public_id"]: row["result"] for row in ran.json}


def public_id(made):
    return secrets.split(made.text, "ak").id


def invented(identifier):
    """What somebody who knows a public id can write: form and checksum are right, the secret is not."""
    body = f"ak_{identifier}_{'0' * secrets.SECRET_LENGTH}"
    return body + secrets.checksum(body)


def test_the_key_ends_with_the_very_next_request(run, issued, client_of):
    assert works(client_of, issued[0].text)
    ran = run("revoke_api_keys", issued[0].key.pk, "--reason", "Found on a train", "--format", "json")
    assert results(ran) == {public_id(issued[0]): "revoked"}
    assert not works(client_of, issued[0].text)
    assert works(client_of, issued[1].text)
    assert APIKey.objects.get(pk=issued[0].key.pk).revoked_reason == "Found on a train"
    event = Event.objects.get(action="key.revoked")
    assert (event.actor_label, event.reason) == ("revoke_api_keys", "Found on a train")


def test_revoking_again_says_so(run, issued):
    run("revoke_api_keys", issued[0].key.pk, "--reason", "x")
    again = run("revoke_api_keys", issued[0].key.pk, "--reason", "y", "--format", "json")
    assert results(again) == {public_id(issued[0]): "already revoked"}
    assert APIKey.objects.get(pk=issued[0].key.pk).revoked_reason == "x"


def test_by_user_and_by_disuse(run, issued, make_user, make_key):
    other = make_key(make_user("bob", "docs:read"), "docs:read")
    APIKey.objects.filter(pk=issued[1].key.pk).update(created_at=timezone.now() - timedelta(days=200))
    assert results(run("revoke_api_keys", "--unused-for", "180d", "--reason", "x", "--format", "json")) == {
        public_id(issued[1]): "revoked"
    }
    assert len(results(run("revoke_api_keys", "--user", "ann", "--reason", "x", "--format", "json"))) == 2
    assert APIKey.objects.usable().get() == other.key


def test_a_dry_run_changes_nothing(run, issued):
    ran = run("revoke_api_keys", "--user", "ann", "--reason", "x", "--dry-run", "--format", "json")
    assert set(results(ran).values()) == {"would be revoked"}
    assert APIKey.objects.usable().count() == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--reason"),
        (["1", "--reason", "  "], "say why"),
        (["--reason", "x"], "Say which keys"),
        (["--user", "ann", "--leaked", "f", "--reason", "x"], "one of these ways"),
        (["--user", "an", "--reason", "x"], "Did you mean 'ann'?"),
        (["--leaked", "/nonexistent", "--reason", "x"], "No such file"),
        (["--leaked", "/", "--reason", "x"], "Is a directory"),
        (["--unused-for", "long", "--reason", "x"], "is not a duration"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_revoked(refused, issued, arguments, said):
    assert said in refused("revoke_api_keys", *arguments)
    assert APIKey.objects.usable().count() == 3


def test_one_unknown_key_stops_all_that_were_named(refused, issued):
    assert "Unknown key" in refused("revoke_api_keys", issued[0].key.pk, 999999, "--reason", "x")
    assert APIKey.objects.usable().count() == 3


class TestLeaked:
    def test_keys_are_found_in_any_text_and_never_printed(self, run, issued, client_of, tmp_path):
        stranger = secrets.make_key("ak")
        file = tmp_path / "found.txt"
        file.write_bytes(
            b"\x00\xff\xfe not text \n"
            + f"curl -H 'Authorization: Bearer%20{issued[0].text}' https://x\n".encode()
            + json.dumps({"env": f"KEY={issued[1].text}\n"}).encode()
            + f"xx{stranger.text}yy ak_short_ak".encode()
        )
        ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert results(ran) == {
            public_id(issued[0]): "revoked",
            public_id(issued[1]): "revoked",
            stranger.id: "unknown here",
        }
        assert [works(client_of, made.text) for made in issued] == [False, False, True]
        for text in (issued[0].text, issued[1].text, stranger.text):
            assert text[16:] not in ran.out + ran.err
        again = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert set(results(again).values()) == {"already revoked", "unknown here"}

    def test_a_text_with_a_known_public_id_revokes_nothing(self, run, issued, client_of, tmp_path):
        file = tmp_path / "found.txt"
        file.write_text(invented(public_id(issued[0])))
        ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert results(ran) == {public_id(issued[0]): "unknown here"}
        assert ran.json[0]["id"] is None
        assert works(client_of, issued[0].text)

    def test_a_broken_checksum_is_no_key(self, run, issued, tmp_path):
        file = tmp_path / "found.txt"
        file.write_text(issued[0].text[:-1] + ("0" if issued[0].text[-1] != "0" else "1"))
        ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert ran.json == []
        assert "No key was found" in ran.err

    def test_a_lookalike_right_before_a_key_does_not_hide_it(self, issued):
        text = f"ak_{'a' * 12}_{'b' * 30}{issued[0].text}"
        assert set(leaked.texts(io.BytesIO(text.encode()), "ak", imported=False)) == {issued[0].text}

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
    def test_in_any_encoding_that_editors_write(self, issued, encoding):
        text = f"Schlüssel: {issued[0].text}\r\n".encode(encoding)
        assert set(leaked.texts(io.BytesIO(text), "ak", imported=False)) == {issued[0].text}

    @pytest.mark.parametrize("before", range(0, 70, 7))
    def test_across_the_border_of_two_pieces(self, issued, before):
        text = b" " * (leaked.CHUNK - before) + issued[0].text.encode() + b" " * leaked.CHUNK
        assert set(leaked.texts(io.BytesIO(text), "ak", imported=False)) == {issued[0].text}

    def test_a_secret_that_ended_with_a_rotation_harms_nobody(self, run, issued, client_of, operator, tmp_path):
        new = service.rotate(issued[0].key, by=operator, grace=timedelta(0))
        file = tmp_path / "found.txt"
        file.write_text(issued[0].text)
        ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert "ended with a rotation" in results(ran)[public_id(issued[0])]
        assert works(client_of, new.text)

    def test_a_secret_in_its_grace_is_a_leak(self, run, issued, client_of, operator, tmp_path):
        new = service.rotate(issued[0].key, by=operator, grace=timedelta(hours=1))
        file = tmp_path / "found.txt"
        file.write_text(issued[0].text)
        run("revoke_api_keys", "--leaked", file, "--reason", "scan")
        assert not works(client_of, new.text)

    def test_a_key_whose_pepper_is_gone_is_told(self, run, issued, tmp_path):
        APIKeySecret.objects.filter(key=issued[0].key).update(digest="hmac-sha256$00000000$AAAA")
        file = tmp_path / "found.txt"
        file.write_text(issued[0].text)
        ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert "cannot be verified" in results(ran)[public_id(issued[0])]
        assert ran.json[0]["id"] == issued[0].key.pk

    def test_from_stdin(self, run, issued, client_of, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(issued[0].text.encode())))
        run("revoke_api_keys", "--leaked", "-", "--reason", "scan")
        assert not works(client_of, issued[0].text)

    def test_thousands_of_lookalikes_cost_few_queries(self, run, issued, tmp_path, django_assert_max_num_queries):
        file = tmp_path / "found.txt"
        file.write_text("\n".join(secrets.make_key("ak").text for _ in range(1000)))
        with django_assert_max_num_queries(10):
            ran = run("revoke_api_keys", "--leaked", file, "--reason", "scan", "--format", "json")
        assert len(ran.json) == 1000


# -- unused for long


@pytest.fixture
def old(make_user, make_key, monkeypatch):
    """`old("name", used=days ago or None, via=another)`: a key that was made 300 days ago."""
    monkeypatch.setattr("django_apiaccess.keys.unused.SETTLE", 0)
    eve = make_user("eve", "docs:read")

    def make(name, used=None, made=300, via=None, **columns):
        now = timezone.now()
        key = make_key(eve, "docs:read", name=name).key
        seen = None if used is None else now - timedelta(days=used)
        APIKey.objects.filter(pk=key.pk).update(
            created_at=now - timedelta(days=made), last_used_at=seen, issued_via=via, **columns
        )
        return key

    return make


def unused(run, *more):
    ran = run("revoke_api_keys", "--unused-for", "180d", "--reason", "Nobody uses it", "--format", "json", *more)
    return {row["name"]: row["result"] for row in ran.json}


def test_a_key_that_was_never_used_counts_from_when_it_was_made(run, old):
    old("never used", made=300)
    old("never used, young", made=100)
    old("used long ago", used=200)
    old("used lately", used=100)
    old("ended", used=200, expires_at=timezone.now() - timedelta(days=1))
    assert unused(run, "--dry-run") == {"never used": "would be revoked", "used long ago": "would be revoked"}
    assert not APIKey.objects.filter(revoked_at__isnull=False).exists()
    assert unused(run) == {"never used": "revoked", "used long ago": "revoked"}
    assert set(APIKey.objects.filter(revoked_at__isnull=False).values_list("name", "revoked_reason")) == {
        ("never used", "Nobody uses it"),
        ("used long ago", "Nobody uses it"),
    }
    assert Event.objects.filter(action="key.revoked").count() == 2
    assert unused(run) == {}


def test_a_key_whose_use_another_process_has_not_written_yet_is_kept(run, old, monkeypatch):
    busy, idle = old("busy"), old("idle")
    flushed = lambda _seconds: APIKey.objects.filter(pk=busy.pk).update(last_used_at=timezone.now())  # noqa: E731
    monkeypatch.setattr("django_apiaccess.management.commands.revoke_api_keys.time.sleep", flushed)
    assert unused(run) == {"busy": "kept: used meanwhile", "idle": "revoked"}
    assert APIKey.objects.get(pk=busy.pk).revoked_at is None
    assert list(Event.objects.filter(action="key.revoked").values_list("target_id", flat=True)) == [str(idle.pk)]


def test_it_waits_longer_than_a_process_keeps_uses_to_itself():
    from django_apiaccess import background
    from django_apiaccess.keys import unused as module

    assert module.SETTLE > background.INTERVAL


def test_a_key_through_which_one_was_issued_that_is_in_use_is_kept(run, old):
    top = old("top")
    middle = old("middle", via=top)
    old("leaf", via=middle, used=1)
    lonely = old("lonely")
    old("lonely leaf", via=lonely, used=200)
    kept = "kept: a key that was issued through it is in use"
    assert unused(run, "--dry-run") == unused(run, "--dry-run") == {
        "top": kept, "middle": kept, "lonely": "would be revoked", "lonely leaf": "would be revoked",
    }  # fmt: skip
    assert unused(run) == {"top": kept, "middle": kept, "lonely": "revoked", "lonely leaf": "revoked"}
    assert APIKey.objects.filter(revoked_at=None).count() == 3


def test_ending_unused_keys_costs_the_same_number_of_statements_for_many(run, old, django_assert_max_num_queries):
    for number in range(60):
        old(f"key {number}")
    with django_assert_max_num_queries(30):
        assert len(unused(run)) == 60


def test_a_key_that_is_used_between_the_choice_and_its_end_goes_on(run, old, operator, monkeypatch):
    busy, idle = old("busy"), old("idle")
    chosen = APIKey.objects.unused_for(timedelta(days=180))

    def used_meanwhile(name, really=service.bump, **how):
        APIKey.objects.filter(pk=busy.pk).update(last_used_at=timezone.now())
        really(name, **how)

    monkeypatch.setattr(service, "bump", used_meanwhile)
    assert service.revoke(chosen, reason="Nobody uses it", by=operator) == 1
    assert list(APIKey.objects.filter(revoked_at=None)) == [busy]
    assert list(Event.objects.filter(action="key.revoked").values_list("target_id", flat=True)) == [str(idle.pk)]
