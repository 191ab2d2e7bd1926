"""The credential report: every principal and every credential, one row each, written while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from django.contrib.auth import get_user_model

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..roles.policy import current_policy
from . import credentials, people

BATCH: Final = 1000
COLUMNS: Final = (
    "principal", "principal_id", "kind", "owner", "active", "staff", "superuser", "joined_at", "last_login",
    "second_factors", "second_factor_count", "recovery_codes", "password", "password_algorithm", "password_changed_at",
    "sessions", "session_oldest", "session_newest", "roles", "grants",
    "credential", "credential_id", "name", "state", "created_at", "created_by", "issued_via", "secret_created_at", "secret_age_days",
    "live_secrets", "expires_at", "last_used_at", "last_used_from", "use_count", "scopes", "networks", "origins", "rate", "bound",
)  # fmt: skip
"""In this order for good; new ones come at the end. `docs/reference/commands.md` explains each."""
Row = dict[str, Any]
Source = Callable[[Sequence[Any]], Iterator[tuple[Any, Row]]]
SOURCES: Final[list[Source]] = [credentials.rows]
"""Each gives the credentials of some principals, in the order of the principals' primary keys, with whose each is."""
ORPHANS: Final[list[Callable[[], Iterable[Row]]]] = []
"""Each gives credentials that speak for nobody of their own. Apps beside this one add to both when they are ready."""


def rows(*, addresses: bool = True) -> Iterator[Row]:
    """All rows, with the entries `COLUMNS`. Memory does not grow with their number; statements grow by a handful each `BATCH` principals.

    `addresses`: whether the address of the last use is told.
    """
    for row in chain(_of_principals(), *(source() for source in ORPHANS)):
        full = {name: row.get(name) for name in COLUMNS}
        if not addresses:
            full["last_used_from"] = None
        yield full


def _of_principals() -> Iterator[Row]:
    model: Any = get_user_model()
    policy, last = current_policy(), None
    while True:
        found = model._base_manager.order_by("pk")
        users = list(found[:BATCH] if last is None else found.filter(pk__gt=last)[:BATCH])
        if not users:
            return
        last = users[-1].pk
        facts = people.described(users, policy)
        readers = [_Reader(source([user.pk for user in users])) for source in SOURCES]
        for user in users:
            yield {**facts[user.pk], "credential": "account"}
            for reader in readers:
                for row in reader.of(user.pk):
                    yield {**facts[user.pk], **row}


class _Reader:
    """Reads a source beside the principals: both are in one order."""

    def __init__(self, rows: Iterator[tuple[Any, Row]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, user_id: Any) -> Iterator[Row]:
        """The rows of that principal."""
        while self._next is not None and self._next[0] == user_id:
            yield self._next[1]
            self._next = next(self._rows, None)


def taken(*, by: Actor, form: str, addresses: bool) -> None:
    """Record who takes the report, before a row of it is read."""
    changed(Action.REPORT_TAKEN, None, by=by, label="credential report", format=form, addresses=addresses)
