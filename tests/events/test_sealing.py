"""The chain: what is sealed, and every way of changing it by SQL that we could think of."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_apiaccess.background import flusher
from django_apiaccess.core.reasons import Reason
from django_apiaccess.events import canonical, retention, sealing
from django_apiaccess.events.models import Checkpoint, Event, SealedTo
from django_apiaccess.events.record import changed, refused
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.events.tags import Action
from django_apiaccess.events.verify import verify

pytestmark = pytest.mark.django_db
WHERE = Where("192.0.2.7", "POST", "/orders/", "abc")


@pytest.fixture
def write() -> Callable[..., None]:
    """`write(5)`: five events of different kinds, and none of before."""
    Event.objects.all().delete()

    def make(count: int = 1) -> None:
        for number in range(count):
            by = Actor("user", f"ann {number} é\N{GRINNING FACE}", str(number), where=WHERE)
            if number % 2:
                refused(Action.ACCESS_DENIED, Reason.SCOPE_MISSING, by=by, detail="x", missing=["a", "b"], ratio=0.5)
            else:
                changed(Action.KEY_CREATED, None, by=by, label="a key", nested={"z": 1, "a": [1, None, True]})

    return make


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def problems() -> list[str]:
    return [str(problem) for problem in verify().problems]


def sealed(seq: int) -> Event:
    return Event.objects.get(seq=seq)


def test_an_untouched_log_is_whole(write: Any) -> None:
    write(7)
    assert sealing.seal() == 7
    write(3)
    assert sealing.seal() == 3
    write(2)
    found = verify()
    assert (found.problems, found.sealed, found.sealed_to, found.unsealed) == ((), 10, 10, 2)


def test_sealing_nothing_signs_nothing(write: Any) -> None:
    assert sealing.seal() == 0
    write(1)
    sealing.seal()
    assert sealing.seal() == 0
    assert Checkpoint.objects.count() == 1


def test_more_than_a_batch_is_one_chain(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 4)
    write(10)
    assert sealing.seal() == 10
    assert list(Checkpoint.objects.order_by("seq").values_list("first_seq", "seq")) == [(1, 4), (5, 8), (9, 10)]
    assert verify().sound


COLUMNS = [
    ("action", "key.revoked"),
    ("outcome", "failed"),
    ("reason", "because"),
    ("actor_kind", "system"),
    ("actor_id", "99"),
    ("actor_label", "mallory"),
    ("credential_kind", "jwt"),
    ("credential_id", "x"),
    ("credential_label", "x"),
    ("target_kind", "role"),
    ("target_id", "7"),
    ("target_label", "other"),
    ("address", "198.51.100.1"),
    ("method", "GET"),
    ("path", "/elsewhere/"),
    ("request_id", "zzz"),
    ("count", 9),
    ("details", '{"nested": 1}'),
    ("uid", "0" * 22),
    ("salt", "0" * 32),
    ("commitment", "0" * 64),
    ("link", "0" * 64),
]


@pytest.mark.parametrize(("column", "value"), COLUMNS, ids=[name for name, _ in COLUMNS])
def test_LG05_any_changed_column_is_found_where_it_is(write: Any, column: str, value: Any) -> None:
    write(6)
    sealing.seal()
    sql(f"UPDATE django_apiaccess_event SET {column} = %s WHERE seq = 3", value)
    found = problems()
    assert found
    assert found[0].startswith("event 3: ")


def test_LG05_a_changed_time_is_found_to_the_microsecond(write: Any) -> None:
    write(3)
    sealing.seal()
    Event.objects.filter(seq=2).update(at=sealed(2).at + timedelta(microseconds=1))
    assert problems()[0].startswith("event 2: ")


def test_LG05_every_column_of_an_event_is_covered() -> None:
    covered = {
        *canonical.PUBLIC,
        *canonical.PERSONAL,
        "at",
        "uid",
        "salt",
        "commitment",
        "seq",
        "link",
        "mac",
        "erased",
        "id",
    }
    assert {field.attname for field in Event._meta.concrete_fields} == covered


def test_LG05_a_removed_event_is_found(write: Any) -> None:
    write(6)
    sealing.seal()
    sql("DELETE FROM django_apiaccess_event WHERE seq IN (3, 4)")
    assert problems()[0].startswith("event 3: removed: 3 to 4 missing")


def test_LG05_the_first_event_cannot_go_unseen(write: Any) -> None:
    write(3)
    sealing.seal()
    sql("DELETE FROM django_apiaccess_event WHERE seq = 1")
    assert problems()[0].startswith("event 1: removed: 1 missing")


def test_LG05_two_events_that_changed_places_are_found(write: Any) -> None:
    write(6)
    sealing.seal()
    sql("UPDATE django_apiaccess_event SET seq = -1 WHERE seq = 2")
    sql("UPDATE django_apiaccess_event SET seq = 2 WHERE seq = 4")
    sql("UPDATE django_apiaccess_event SET seq = 4 WHERE seq = -1")
    assert [text[:8] for text in problems()][:2] == ["event 2:", "event 3:"]


def test_LG05_an_end_that_was_cut_off_is_found_by_the_checkpoint(write: Any) -> None:
    write(6)
    sealing.seal()
    sql("DELETE FROM django_apiaccess_event WHERE seq > 4")
    assert any("cut off" in text for text in problems())


def test_LG05_an_end_cut_off_with_all_its_traces_is_found_by_a_copy_of_the_checkpoint(
    write: Any, settings: Any, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    settings.API_ACCESS = {**settings.API_ACCESS, "EVENTS": {"SINKS": [SINK | {"OPTIONS": {"checkpoints": str(kept)}}]}}
    write(4)
    sealing.seal()
    before = SealedTo.objects.get()
    write(3)
    sealing.seal()
    announce_all()
    sql("DELETE FROM django_apiaccess_event WHERE seq > 4")
    sql("DELETE FROM django_apiaccess_checkpoint WHERE seq > 4")
    before.save()
    assert problems() == []  # nothing in the database shows it
    found = verify(kept.read_text().splitlines()).problems
    assert "a copy of a checkpoint reaches to 7" in str(found[0])


SINK = {"BACKEND": "django_apiaccess.events.sinks.FileSink"}


def announce_all() -> None:
    """What happens after commit, which a test's transaction never reaches."""
    for row in Checkpoint.objects.order_by("seq"):
        sealing.announce(row)


def test_LG05_an_event_slipped_in_at_the_end_is_found(write: Any) -> None:
    write(3)
    sealing.seal()
    end = sealed(3)
    forged = Event(action="key.created", outcome="success", seq=4)
    forged.commitment = canonical.commitment(forged)
    forged.link = canonical.link(end.link, 4, canonical.content(forged))
    forged.save()
    SealedTo.objects.update(seq=4, link=forged.link)
    assert any("no checkpoint was signed" in text for text in problems())


def test_LG05_a_whole_chain_made_anew_is_found(write: Any) -> None:
    write(4)
    sealing.seal()
    Event.objects.filter(seq=1).update(actor_label="nobody")
    link = ""
    for event in Event.objects.order_by("seq"):
        event.commitment = canonical.commitment(event)
        link = canonical.link(link, event.seq or 0, canonical.content(event))
        event.link = link
        event.save()
    SealedTo.objects.update(link=link)
    assert any("checkpoint" in text for text in problems())
    Checkpoint.objects.update(link=link)
    assert any("not signed by a key of ours" in text for text in problems())


def test_an_unsealed_event_that_was_changed_or_made_up_is_found(write: Any) -> None:
    write(2)
    Event.objects.filter(action=Action.KEY_CREATED).update(actor_label="mallory")
    Event.objects.create(action="key.created", outcome="success")
    assert len([text for text in problems() if "not written by this app" in text]) == 2


def test_an_old_pepper_still_vouches_and_verifies(write: Any, settings: Any) -> None:
    write(2)
    sealing.seal()
    write(1)
    old = settings.API_ACCESS["PEPPERS"]
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["a-new-pepper-for-the-chain-0123456789abcdef", *old]}
    assert problems() == []
    sealing.seal()
    assert problems() == []


def test_another_installations_checkpoints_do_not_verify(write: Any, settings: Any) -> None:
    write(2)
    sealing.seal()
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["another-installation-0123456789abcdef-0123456789"]}
    assert any("not signed by a key of ours" in text for text in problems())


def test_LG05_a_removed_end_of_the_chain_is_found(write: Any) -> None:
    write(3)
    sealing.seal()
    sql("DELETE FROM django_apiaccess_sealedto")
    assert any("where the chain ends was removed" in text for text in problems())


def test_LG05_an_event_slipped_in_behind_the_end_is_found(write: Any) -> None:
    write(3)
    sealing.seal()
    forged = Event(action="key.created", outcome="success", seq=5, link="0" * 64, commitment="0" * 64)
    forged.save()
    assert any("the chain ends at 3" in text for text in problems())


# -- before the seal: what was tampered with is not blessed by it


def test_LG05_what_was_changed_or_made_up_before_the_seal_is_told_for_good(write: Any) -> None:
    write(3)
    sealing.seal()
    write(2)
    sql("UPDATE django_apiaccess_event SET actor_label = 'innocent' WHERE seq IS NULL AND action = 'key.created'")
    forged = Event.objects.create(action="grant.given", outcome="success", target_label="everything")
    sealing.seal()
    write(5)
    sealing.seal()
    found = problems()
    assert [text[:8] for text in found] == ["event 4:", "event 6:"]
    assert all("before it was sealed" in text for text in found)
    assert Event.objects.get(pk=forged.pk).seq == 6


def test_LG05_the_trace_of_it_cannot_be_taken_away_by_sql_or_erased(write: Any) -> None:
    Event.objects.create(action="grant.given", outcome="success")
    sealing.seal()
    trace = Event.objects.get(action=Action.EVENTS_UNVOUCHED)
    assert retention.erase(Event.objects.filter(pk=trace.pk), by=ERASER, reason="x") == 0
    sql("UPDATE django_apiaccess_event SET details = '{}' WHERE id = %s", trace.pk)
    assert any(text.startswith(f"event {trace.seq}: ") for text in problems())
    sql("DELETE FROM django_apiaccess_event WHERE id = %s", trace.pk)
    assert problems()


def test_LG05_a_forged_word_of_an_erasure_erases_nothing_unseen(write: Any) -> None:
    write(3)
    sealing.seal()
    victim = sealed(2)
    Event.objects.create(action=Action.EVENTS_ERASED, outcome="success", details={"uids": [victim.uid]})
    sealing.seal()
    Event.objects.filter(seq=2).update(erased=True, salt="", address=None, details={}, **retention.BLANK)
    assert any("event 2: its personal part was blanked" in text for text in problems())


def rewrite(first: int) -> None:
    """Make the chain anew by SQL alone, from that place on, without its checkpoints."""
    link = sealed(first - 1).link
    Event.objects.filter(seq=first).update(target_label="another")
    for event in Event.objects.filter(seq__gte=first).order_by("seq"):
        event.commitment = canonical.commitment(event)
        link = canonical.link(link, event.seq or 0, canonical.content(event))
        event.link = link
        event.save()
    Checkpoint.objects.filter(seq__gte=first).delete()
    SealedTo.objects.update(link=link)


def test_LG05_a_chain_made_anew_by_sql_is_still_found_after_the_app_sealed_behind_it(write: Any) -> None:
    for _ in range(3):
        write(2)
        sealing.seal()
    rewrite(4)
    assert problems()
    write(1)
    sealing.seal()
    write(4)
    sealing.seal()
    found = problems()
    assert any("the chain ended here without a checkpoint" in text for text in found)
    assert any("no checkpoint is there for 3 to 6" in text for text in found)


def test_LG05_a_removed_checkpoint_is_found(write: Any) -> None:
    for _ in range(3):
        write(2)
        sealing.seal()
    Checkpoint.objects.filter(seq=4).delete()
    assert problems() == ["event 3: no checkpoint is there for 3 to 4: it was removed"]


def test_LG05_a_changed_time_of_a_checkpoint_is_found(write: Any) -> None:
    write(2)
    sealing.seal()
    Checkpoint.objects.update(at=timezone.now() - timedelta(days=1))
    assert any("not signed by a key of ours" in text for text in problems())


@pytest.mark.parametrize("mac", ["é", "\N{GRINNING FACE}" * 8, "0" * 64])
def test_a_row_with_an_odd_digest_is_told_and_stops_nothing(write: Any, mac: str) -> None:
    write(2)
    Event.objects.filter(pk=Event.objects.order_by("pk")[0].pk).update(mac=mac)
    assert any("not written by this app" in text for text in problems())
    assert sealing.seal() == 3
    assert any(text.startswith("event 1: ") for text in problems())


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL takes no such number")
def test_a_number_that_is_none_stops_no_sealing(write: Any) -> None:
    write(2)
    sql("UPDATE django_apiaccess_event SET details = '{\"a\": 1e999}' WHERE action = 'key.created'")
    assert sealing.seal() == 3
    assert any(text.startswith("event 1: ") for text in problems())


# -- while others work


def seal_more(write: Any) -> None:
    write(2)
    sealing.seal()


def prune_all(write: Any) -> None:
    retention.prune_events(timezone.now() + timedelta(days=1))


def erase_one(write: Any) -> None:
    first = Event.objects.filter(erased=False, seq__isnull=False).exclude(action=Action.EVENTS_ERASED).order_by("seq")
    retention.erase(Event.objects.filter(pk__in=list(first[:1].values_list("pk", flat=True))), by=ERASER, reason="x")


ERASER = Actor.command("erase")


@pytest.mark.parametrize("work", [seal_more, prune_all, erase_one])
def test_work_of_others_before_any_of_its_statements_is_no_false_alarm(write: Any, work: Any) -> None:
    for place in range(40):
        write(3)
        sealing.seal()
        write(1)
        statements = 0

        def come_between(execute: Any, sql: str, params: Any, many: bool, context: Any, place: int = place) -> Any:
            nonlocal statements
            statements += 1
            if statements == place + 1:
                work(write)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(come_between):
            found = verify()
        assert found.problems == (), f"before statement {place + 1}"
        if statements <= place:
            return
    pytest.fail("it never ran to its end undisturbed")


# -- pruning


def test_LG08_a_pruned_log_verifies_by_its_stubs(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    write(8)
    Event.objects.update(at=timezone.now() - timedelta(days=30))
    revouch()
    write(4)
    assert retention.prune_events(timezone.now() - timedelta(days=10)) == 8
    found = verify()
    assert (found.problems, found.sealed, found.pruned_to) == ((), 4, 8)
    write(2)
    sealing.seal()
    assert verify().sound


def revouch() -> None:
    """Rows that a test made old are as if written then."""
    from django_apiaccess.conf import access_settings

    for event in Event.objects.all():
        event.mac = canonical.mac(event, access_settings.PEPPERS)
        event.save()


def test_LG05_events_deleted_as_if_pruned_are_found(write: Any) -> None:
    write(6)
    sealing.seal()
    sql("DELETE FROM django_apiaccess_event WHERE seq <= 3")
    link = sealed(4).link
    Checkpoint.objects.create(kind="prune", first_seq=1, seq=3, link=link, key_id="0" * 16, signature="AAAA")
    assert any("not signed by a key of ours" in text for text in problems())


def test_only_the_front_is_pruned(write: Any) -> None:
    write(3)
    sealing.seal()
    Event.objects.filter(seq=2).update(at=timezone.now() - timedelta(days=30))
    assert retention.prunable(timezone.now() - timedelta(days=10)) == 0


def test_LG08_what_does_not_fit_the_chain_is_kept_with_all_that_comes_after_it(write: Any) -> None:
    write(6)
    sealing.seal()
    Event.objects.filter(seq=3).update(at=timezone.now() - timedelta(days=4000))
    assert retention.prune_events(timezone.now() + timedelta(days=1)) == 2
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == [3, 4, 5, 6]
    assert any(text.startswith("event 3: ") for text in problems())
    assert retention.prune_events(timezone.now() + timedelta(days=1)) == 0


def test_LG08_events_made_old_by_sql_are_not_pruned(write: Any, tmp_path: Path) -> None:
    write(6)
    sealing.seal()
    Event.objects.filter(seq__lte=4).update(at=timezone.now() - timedelta(days=4000))
    assert retention.prune_events(timezone.now() - timedelta(days=365)) == 0
    assert not Checkpoint.objects.filter(kind="prune").exists()


def test_LG08_a_stub_that_somebody_made_up_lets_nothing_be_pruned(write: Any) -> None:
    write(4)
    sealing.seal()
    link = sealed(2).link
    sql("DELETE FROM django_apiaccess_event WHERE seq <= 2")
    Checkpoint.objects.create(kind="prune", first_seq=1, seq=2, link=link, key_id="0" * 16, signature="AAAA")
    assert retention.prune_events(timezone.now() + timedelta(days=1)) == 0


# -- erasing


def test_LG05_what_is_written_into_an_erased_event_is_found(write: Any) -> None:
    write(4)
    sealing.seal()
    retention.erase(Event.objects.filter(seq=2), by=ERASER, reason="asked for")
    for column, value in [("actor_label", "framed"), ("details", '{"x": 1}'), ("reason", "because"), ("salt", "0")]:
        before = getattr(sealed(2), column)
        sql(f"UPDATE django_apiaccess_event SET {column} = %s WHERE seq = 2", value)
        assert problems() == ["event 2: " + problems()[0][9:]]
        assert "written into it since" in problems()[0]
        Event.objects.filter(seq=2).update(**{column: before})
    assert problems() == []


def test_erased_personal_data_is_gone_and_the_chain_whole(write: Any) -> None:
    write(4)
    sealing.seal()
    assert retention.erase(Event.objects.filter(actor_id="1"), by=Actor.command("test"), reason="asked for") == 1
    row = Event.objects.get(erased=True)
    assert (row.actor_label, row.address, row.details, row.salt, row.path) == ("", None, {}, "", "")
    assert problems() == []
    sealing.seal()
    assert problems() == []


def test_LG05_personal_data_blanked_by_hand_is_found(write: Any) -> None:
    write(4)
    sealing.seal()
    Event.objects.filter(seq=2).update(erased=True, salt="", address=None, details={}, **retention.BLANK)
    assert problems() == ["event 2: its personal part was blanked, and no event says that it was erased"]


def test_what_says_that_events_were_erased_is_not_erased_itself(write: Any) -> None:
    write(4)
    sealing.seal()
    admin = Actor("user", "admin", "77")
    retention.erase(Event.objects.filter(actor_id="1"), by=admin, reason="asked for")
    assert retention.erase(Event.objects.filter(actor_id="77"), by=Actor.command("test"), reason="asked for") == 0
    sealing.seal()
    assert problems() == []
    assert Event.objects.get(action=Action.EVENTS_ERASED, actor_id="77").details["uids"]


# -- commands


def test_the_command_says_which_event_and_exits_with_1(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(3)
    call_command("seal_events")
    call_command("verify_events")
    assert "3 events are whole, sealed up to 3" in capsys.readouterr().out
    sql("UPDATE django_apiaccess_event SET actor_label = 'x' WHERE seq = 2")
    with pytest.raises(SystemExit) as end:
        call_command("verify_events", format="json")
    assert end.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["sound"] is False
    assert told["problems"][0]["seq"] == 2


def test_exported_lines_verify_the_chain_elsewhere(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(3)
    call_command("seal_events")
    capsys.readouterr()
    call_command("export_events", sealed=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    link = ""
    for row in rows:
        event = Event(
            **{name: value for name, value in row.items() if name != "at"}, at=Event.objects.get(seq=row["seq"]).at
        )
        link = canonical.link(link, row["seq"], canonical.content(event))
        assert link == row["link"]


def test_a_process_seals_by_itself_after_so_many_events_or_so_long(write: Any, settings: Any, monkeypatch: Any) -> None:
    settings.API_ACCESS = {**settings.API_ACCESS, "EVENTS": {"SEAL_EVERY": 3, "SEAL_AFTER": "5m"}}
    sealing.background_sealer.forget()
    write(2)
    flusher.flush()
    assert not Event.objects.filter(seq__isnull=False).exists()
    write(3)
    flusher.flush()
    assert Event.objects.filter(seq__isnull=False).count() == 5
    changed(Action.KEY_CREATED, None, by=Actor.command("late"))
    later = time.monotonic() + 301
    monkeypatch.setattr(sealing.time, "monotonic", lambda: later)
    flusher.flush()
    assert Event.objects.filter(seq=6).exists()
    assert verify().sound
