"""rotate_api_keys, as far as nothing kills it."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from django_apiaccess.core import secrets
from django_apiaccess.keys import service
from django_apiaccess.management import secretfile
from django_apiaccess.models import APIKey, APIKeySecret, Event


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def issued(ann, make_key):
    return [make_key(ann, "docs:read", name=f"key {number}") for number in range(3)]


def works(client_of, text):
    return client_of(text).get("/read-only/").status_code == 200


def test_new_secrets_are_handed_out_and_old_ones_live_on_for_the_grace(run, issued, client_of):
    ran = run("rotate_api_keys", issued[0].key.pk, "--grace", "1h", "--format", "json")
    (row,) = ran.json
    assert row.keys() == {"id", "key", "old_secret_valid_until"}
    assert row["id"] == issued[0].key.pk
    until = datetime.fromisoformat(row["old_secret_valid_until"])
    assert abs(until - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)
    assert works(client_of, row["key"])
    assert works(client_of, issued[0].text)
    APIKeySecret.objects.filter(public_id=secrets.split(issued[0].text, "ak").id, expires_at=until).update(
        expires_at=timezone.now()
    )
    assert not works(client_of, issued[0].text)
    assert works(client_of, row["key"])
    assert Event.objects.get(action="key.rotated").actor_label == "rotate_api_keys"


def test_without_grace_the_old_secret_ends_at_once(run, issued, client_of):
    (row,) = run("rotate_api_keys", issued[0].key.pk, grace="0", format="json").json
    assert works(client_of, row["key"])
    assert not works(client_of, issued[0].text)
    assert works(client_of, issued[1].text)


def test_keys_are_named_by_number_or_public_id(run, issued):
    public_id = secrets.split(issued[1].text, "ak").id
    rows = run("rotate_api_keys", issued[0].key.pk, public_id, public_id, "--format", "json").json
    assert [row["id"] for row in rows] == [issued[0].key.pk, issued[1].key.pk]


def test_a_whole_key_is_refused_and_not_repeated(refused, issued):
    said = refused("rotate_api_keys", issued[0].text)
    assert f"the id {issued[0].key.pk}" in said
    assert "history" in said
    assert issued[0].text[16:] not in said
    assert APIKeySecret.objects.count() == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say which keys"),
        (["--all", "--user", "ann"], "one of these ways"),
        (["1", "--all"], "one of these ways"),
        (["999999999"], "Did you mean"),
        (["key 1"], "those called 'key 1'"),
        (["kee 1"], "Did you mean 'key 1'?"),
        (["9" * 25], "Unknown key"),
        (["-1"], ""),
        (["--user", "nobody"], "Unknown user"),
        (["--service-account", "nobody"], "Unknown service account"),
        (["--all", "--grace", "one day"], "is not a duration"),
        (["--all", "--grace", "1 day"], "Did you mean '1d'?"),
        (["--older-than", "x"], "is not a duration"),
        (["--older-than", "9999y"], "too long"),
        (["--all", "--grace", "9999y"], "too long"),
        (["--all", "--output", "/nonexistent/new.jsonl"], "cannot be made"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_rotated(refused, issued, arguments, said):
    assert said in refused("rotate_api_keys", *arguments)
    assert APIKeySecret.objects.count() == 3


def test_one_key_that_cannot_be_rotated_stops_all_that_were_named(refused, issued, operator):
    service.revoke(issued[2].key, reason="test", by=operator)
    assert f"Key {issued[2].key.pk} is revoked" in refused("rotate_api_keys", issued[0].key.pk, issued[2].key.pk)
    assert APIKeySecret.objects.count() == 3


def test_all_leaves_out_revoked_and_expired_keys(run, issued, operator):
    service.revoke(issued[2].key, reason="test", by=operator)
    APIKey.objects.filter(pk=issued[1].key.pk).update(expires_at=timezone.now())
    assert [row["id"] for row in run("rotate_api_keys", "--all", "--format", "json").json] == [issued[0].key.pk]


def test_old_secrets_are_chosen_and_a_second_run_finds_nothing_left(run, issued):
    APIKeySecret.objects.filter(key=issued[1].key).update(created_at=timezone.now() - timedelta(days=91))
    assert [row["id"] for row in run("rotate_api_keys", "--older-than", "90d", "--format", "json").json] == [
        issued[1].key.pk
    ]
    assert run("rotate_api_keys", "--older-than", "90d", "--format", "json").json == []


def test_a_dry_run_shows_the_keys_and_changes_nothing(run, issued, tmp_path):
    file = tmp_path / "new.jsonl"
    ran = run("rotate_api_keys", "--user", "ann", "--dry-run", "--format", "json", "--output", file)
    assert [row["id"] for row in ran.json] == [made.key.pk for made in issued]
    assert "key" not in ran.json[0]
    assert not file.exists()
    assert APIKeySecret.objects.count() == 3
    assert not Event.objects.filter(action="key.rotated").exists()


def test_lines_for_people_have_the_whole_key(run, issued, client_of):
    ran = run("rotate_api_keys", issued[0].key.pk)
    text = next(word for word in ran.out.split() if word.startswith("ak_"))
    assert works(client_of, text)


class TestOutput:
    def test_the_file_is_private_and_has_one_json_value_a_line(self, run, issued, tmp_path, client_of):
        file = tmp_path / "new.jsonl"
        mask = os.umask(0)
        try:
            ran = run("rotate_api_keys", "--all", "--output", file, "--format", "json")
        finally:
            os.umask(mask)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert [row["id"] for row in rows] == [made.key.pk for made in issued]
        assert all(works(client_of, row["key"]) for row in rows)
        assert ran.json == {"rotated": 3, "output": str(file)}
        assert "ak_" not in ran.out + ran.err

    def test_no_line_crosses_a_page(self, run, issued, tmp_path):
        file = tmp_path / "new.jsonl"
        run("rotate_api_keys", "--all", "--output", file)
        content = file.read_bytes()
        assert len(content) == 3 * secretfile.LINE
        assert 4096 % secretfile.LINE == 0

    @pytest.mark.parametrize("make", ["file", "link", "dangling"])
    def test_what_is_there_already_is_neither_overwritten_nor_followed(self, refused, issued, tmp_path, make):
        target, file = tmp_path / "precious", tmp_path / "new.jsonl"
        if make == "file":
            file.write_text("precious")
        else:
            file.symlink_to(target)
            if make == "link":
                target.write_text("precious")
        assert "exists already" in refused("rotate_api_keys", "--all", "--output", file)
        assert APIKeySecret.objects.count() == 3
        assert target.exists() == (make == "link")
        if make != "dangling":
            assert file.read_text() == "precious"

    def test_a_full_disk_leaves_every_key_working(self, refused, issued, tmp_path, client_of, monkeypatch):
        def full(*_arguments):
            raise OSError(28, "No space left on device")

        file = tmp_path / "new.jsonl"
        monkeypatch.setattr(secretfile.os, "fsync", full)
        monkeypatch.setattr(secretfile.SecretFile, "_sync_folder", lambda self: None)
        assert "No space left on device" in refused("rotate_api_keys", "--all", "--output", file, "--grace", "0")
        assert all(works(client_of, made.text) for made in issued)
        assert all(works(client_of, json.loads(line)["key"]) for line in file.read_text().splitlines())


def test_batches_are_finished_one_after_the_other(run, ann, make_key, monkeypatch, client_of, tmp_path):
    """Whatever was written before an error is rotated for good; the batch in hand keeps its old secrets without an end."""
    issued = [make_key(ann, "docs:read", name=str(number)) for number in range(7)]
    in_batches = service.rotate_many
    monkeypatch.setattr(service, "rotate_many", lambda keys, **options: in_batches(keys, **options, batch=2))
    rows = run("rotate_api_keys", "--all", "--format", "json", "--grace", "0").json
    assert [row["id"] for row in rows] == [made.key.pk for made in issued]
    assert all(works(client_of, row["key"]) for row in rows)
    assert not any(works(client_of, made.text) for made in issued)


def test_what_is_handed_out_stays_true_when_another_rotation_comes_between(
    run, issued, monkeypatch, operator, client_of
):
    in_batches, theirs = service.rotate_many, []

    def meanwhile(keys, **options):
        for batch in in_batches(keys, **options):
            theirs.append(service.rotate(APIKey.objects.get(pk=issued[1].key.pk), by=operator))
            yield batch

    monkeypatch.setattr(service, "rotate_many", meanwhile)
    rows = run("rotate_api_keys", "--all", "--format", "json", "--grace", "1h").json
    APIKeySecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert all(works(client_of, row["key"]) for row in rows)
    assert not works(client_of, theirs[0].text)
