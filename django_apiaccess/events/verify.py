"""Checking the audit log: what was changed, removed, inserted, reordered or cut off, and where.

The rows are compared with the chain, the chain with the signed checkpoints, and these, where there are any, with copies kept elsewhere
(`--checkpoints FILE`): who can write to the database can cut off the end of everything in it, and only a copy shows that.

No lock is taken: others seal, prune and erase meanwhile, and none of it may look like tampering. So the walk ends where the chain ended
when it began, and a log that was pruned under it is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q

from ..conf import access_settings
from . import canonical, sealing, sealing_key
from .models import Checkpoint, Event, SealedTo
from .tags import Action

CHUNK: Final = 1000
TRIES: Final = 5
"""How often a log is looked at that is pruned each time meanwhile."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where. `seq` 0: not with one sealed event."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"event {self.seq}: {self.what}" if self.seq else self.what


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict: problems (none: the log is whole), how many events were looked at, up to where it is sealed."""

    problems: tuple[Problem, ...]
    sealed: int
    unsealed: int
    sealed_to: int
    pruned_to: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(copies: Iterable[str] = (), *, most: int = 100) -> Verified:
    """Check everything, and `copies` of checkpoints (lines as the sinks keep them). At most `most` problems are told."""
    lines = list(copies)  # before the end of the chain is read: what a copy reaches to is there by then
    pruned = _stubs()
    for _ in range(TRIES):
        found = _verify(pruned, lines, most)
        before, pruned = pruned, _stubs()
        if found.sound or before.keys() == pruned.keys():
            break
    return found


def _stubs() -> dict[int, Checkpoint]:
    """What is left of pruned stretches, by the place where each began."""
    return {row.first_seq: row for row in Checkpoint.objects.filter(kind=Checkpoint.Kind.PRUNE).order_by("seq")}


def _verify(pruned: dict[int, Checkpoint], copies: list[str], most: int) -> Verified:
    end = SealedTo.objects.filter(pk=1).first()
    seals = {row.seq: row for row in Checkpoint.objects.filter(kind=Checkpoint.Kind.SEAL)}
    walk = _Walk(pruned, seals)
    problems: list[Problem] = []
    for problem in _all(walk, end, pruned, seals, copies):
        problems.append(problem)
        if len(problems) >= most:
            break
    unsealed = Event.objects.filter(seq=None).count()
    pruned_to = max((row.seq for row in pruned.values()), default=0)
    return Verified(tuple(problems), walk.count, unsealed, walk.seq, pruned_to)


def _all(
    walk: _Walk,
    end: SealedTo | None,
    pruned: dict[int, Checkpoint],
    seals: dict[int, Checkpoint],
    copies: list[str],
) -> Iterator[Problem]:
    for row in (*pruned.values(), *seals.values()):
        if not sealing_key.is_signed(sealing.said_by(row), row.key_id, row.signature):
            yield Problem(
                row.seq,
                f"the checkpoint of {row.first_seq}-{row.seq} is not signed by a key of ours: it was changed or made up",
            )
    yield from walk.problems(0 if end is None else end.seq)
    yield from walk.erasures()
    yield from walk.traces()
    within = {seq: row for seq, row in seals.items() if end is None or seq <= end.seq}
    yield from _gaps(within)
    yield from _end(walk, end, set(within))
    yield from _beyond(0 if end is None else end.seq)
    yield from _unsealed()
    yield from _against_copies(walk, copies)


class _Walk:
    """One pass over the chain."""

    def __init__(self, pruned: dict[int, Checkpoint], seals: dict[int, Checkpoint]) -> None:
        self._pruned = pruned
        self._seals = seals
        self.seq = 0
        self.link = ""
        self.count = 0
        self.links: dict[int, str] = {}
        """The link at each checkpoint's place."""
        self._erased: dict[str, int] = {}
        self._announced: dict[str, list[str]] = {}
        """The uids that each event of an erasure names, by its own."""
        self._unvouched: dict[str, int] = {}
        self._unsigned_ends: list[int] = []

    def problems(self, end: int) -> Iterator[Problem]:
        """What is wrong with the events up to where the chain ends."""
        self._jump()
        broken = False
        for event in Event.objects.filter(seq__lte=end).order_by("seq").iterator(chunk_size=CHUNK):
            assert event.seq is not None
            self.count += 1
            if event.seq <= self.seq:
                yield Problem(event.seq, f"{_named(event)} stands where the events were pruned: it was inserted")
                continue
            if event.seq != self.seq + 1:
                gap = f"{self.seq + 1}" if event.seq == self.seq + 2 else f"{self.seq + 1} to {event.seq - 1}"
                yield Problem(self.seq + 1, f"removed: {gap} missing before {_named(event)}")
                broken = True
            expected = canonical.link(self.link, event.seq, canonical.content(event))
            if event.commitment != canonical.commitment(event):
                yield Problem(event.seq, f"{_named(event)} was changed: its personal part is not what was sealed")
            elif event.link != expected and not broken:
                yield Problem(event.seq, f"{_named(event)} was changed, inserted or moved: it does not fit the chain")
            if event.erased and not canonical.is_blank(event):
                yield Problem(event.seq, f"{_named(event)} was erased, and something was written into it since")
            broken = False  # go on from what the row says: what follows may be whole
            self.seq, self.link = event.seq, event.link
            self._note(event)
            if event.seq in self._seals and self._seals[event.seq].link != event.link:
                yield Problem(event.seq, f"{_named(event)} is not what the checkpoint was signed over")
            self.links[event.seq] = event.link
            self._jump()

    def _jump(self) -> None:
        """Over a stretch that was pruned: its signed stub says where the chain goes on."""
        while self.seq + 1 in self._pruned:
            stub = self._pruned[self.seq + 1]
            self.seq, self.link = stub.seq, stub.link
            self.links[stub.seq] = stub.link

    def _note(self, event: Event) -> None:
        if event.erased:
            self._erased[event.uid] = event.seq or 0
        if event.action == Action.EVENTS_ERASED and isinstance(event.details, dict):
            self._announced[event.uid] = list(event.details.get("uids", ()))
        if event.action == Action.EVENTS_UNVOUCHED and isinstance(event.details, dict):
            self._unvouched.update({uid: seq for seq, uid in event.details.get("events", ())})
            if "unsigned_end" in event.details:
                self._unsigned_ends.append(event.details["unsigned_end"])

    def traces(self) -> Iterator[Problem]:
        """What the sealer found before it sealed, and wrote into the chain."""
        for seq in self._unvouched.values():
            yield Problem(seq, "it was not written by this app, or was changed before it was sealed")
        for seq in self._unsigned_ends:
            yield Problem(
                seq, "the chain ended here without a checkpoint when it went on: what stands before was made anew"
            )

    def erasures(self) -> Iterator[Problem]:
        """Erasing personal data is an event itself; blanks that no event speaks of were made by hand."""
        later = Event.objects.filter(Q(seq=None) | Q(seq__gt=self.seq), action=Action.EVENTS_ERASED)
        announced = {uid for event in later if _is_vouched(event) for uid in event.details.get("uids", ())}
        for speaker, uids in self._announced.items():
            if speaker not in self._unvouched:
                announced.update(uids)
        for uid, seq in self._erased.items():
            if uid not in announced:
                yield Problem(seq, "its personal part was blanked, and no event says that it was erased")


def _gaps(seals: dict[int, Checkpoint]) -> Iterator[Problem]:
    """The checkpoints of sealing join up: each begins where the one before it ended."""
    reached = 0
    for seq in sorted(seals):
        first = seals[seq].first_seq
        if first != reached + 1:
            yield Problem(reached + 1, f"no checkpoint is there for {reached + 1} to {first - 1}: it was removed")
        reached = seq


def _end(walk: _Walk, end: SealedTo | None, seals: set[int]) -> Iterator[Problem]:
    last = max(seals, default=0)
    if walk.seq < last:
        yield Problem(
            walk.seq + 1, f"the end was cut off: a checkpoint was signed at {last}, the events end at {walk.seq}"
        )
    if end is not None and (end.seq, end.link) != (walk.seq, walk.link):
        yield Problem(0, f"the chain should end at {end.seq}; the events end at {walk.seq}")
    if walk.seq > last and walk.count:
        yield Problem(last + 1, f"no checkpoint was signed for the events from {last + 1} on: their seals are made up")


def _beyond(end: int) -> Iterator[Problem]:
    """Sealed rows behind the end of the chain, unless that has moved since: events, seal and end are written at once."""
    events = Event.objects.filter(seq__gt=end).order_by("-seq").values_list("seq", flat=True)
    signed = Checkpoint.objects.filter(seq__gt=end).order_by("-seq").values_list("seq", flat=True)
    furthest = max(events.first() or 0, signed.first() or 0)
    now = SealedTo.objects.filter(pk=1).first()
    if furthest and now is None:
        yield Problem(0, "the row that says where the chain ends was removed")
    elif furthest and now is not None and furthest > now.seq:
        yield Problem(
            now.seq + 1, f"the chain ends at {now.seq}, and something says that it is sealed up to {furthest}"
        )


def _unsealed() -> Iterator[Problem]:
    for event in Event.objects.filter(seq=None).order_by("pk").iterator(chunk_size=CHUNK):
        if not _is_vouched(event):
            yield Problem(0, f"{_named(event)} (not sealed yet) was not written by this app, or was changed since")


def _is_vouched(event: Event) -> bool:
    return canonical.is_vouched(event, access_settings.PEPPERS)


def _against_copies(walk: _Walk, copies: list[str]) -> Iterator[Problem]:
    for number, line in enumerate(copies, start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            at, kind, first, seq, link, key, signature = parts
            row = Checkpoint(at=datetime.fromisoformat(at), kind=kind, link=link, key_id=key, signature=signature)
            row.first_seq, row.seq = int(first), int(seq)
        except ValueError:
            yield Problem(0, f"line {number} of the copies is no checkpoint")
            continue
        if not sealing_key.is_signed(sealing.said_by(row), row.key_id, row.signature):
            yield Problem(0, f"line {number} of the copies is not signed by a key of ours")
        elif row.seq > walk.seq:
            yield Problem(
                walk.seq + 1,
                f"the end was cut off: a copy of a checkpoint reaches to {row.seq}, the events end at {walk.seq}",
            )
        elif row.seq in walk.links and walk.links[row.seq] != row.link:
            yield Problem(
                row.seq, "the chain was made anew: it is not the one that a copy of a checkpoint was signed over"
            )


def _named(event: Event) -> str:
    return f"{event.action} of {event.at:%Y-%m-%d %H:%M:%S}"
