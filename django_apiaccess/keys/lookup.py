"""The one statement of a request with an API key, and the opt-in memory in front of it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.contrib.auth import get_user_model
from django.db import router
from django.utils.functional import SimpleLazyObject

from ..conf import access_settings
from ..roles.models import Generation
from ..roles.statement import CompiledLookup, generations, grants_of, principal_columns
from .models import APIKeySecret

CACHE_SIZE: Final = 10_000


class KeyRow(NamedTuple):
    """Everything that a decision on a key needs."""

    secret_id: int
    public_id: str
    digest: str
    secret_expires_at: datetime | None
    key_id: int
    name: str
    scopes: frozenset[str]
    networks: str
    origins: str
    rate: str
    expires_at: datetime | None
    revoked_at: datetime | None
    principal_id: Any
    direct_grants: str | None
    group_grants: str | None
    policy_generation: int | None
    credentials_generation: int | None
    principal_values: tuple[Any, ...]

    def principal_value(self, column: str, default: Any) -> Any:
        """A column of the principal, or `default` where the user model has no such column."""
        columns = principal_columns()
        return self.principal_values[columns.index(column)] if column in columns else default

    def make_principal(self) -> Any:
        """The principal as a user object, made from the row; what the row lacks is loaded when it is asked for."""
        model = get_user_model()
        columns = (model._meta.pk.attname, *principal_columns())
        values = dict(zip(columns, (self.principal_id, *self.principal_values), strict=True))
        names = [field.attname for field in model._meta.concrete_fields if field.attname in values]
        return model.from_db(router.db_for_write(model), names, [values[name] for name in names])


OWN_COLUMNS: Final = (
    "pk",
    "public_id",
    "digest",
    "expires_at",
    "key_id",
    "key__name",
    "key__scopes",
    "key__networks",
    "key__origins",
    "key__rate",
    "key__expires_at",
    "key__revoked_at",
    "key__principal_id",
    "direct_grants",
    "group_grants",
    "policy_generation",
    "credentials_generation",
)


def key_query(public_id: str) -> Any:
    """The look-up as the ORM writes it; compiled once. Tests hold the compiled statement against it."""
    principal = (f"key__principal__{column}" for column in principal_columns())
    found = APIKeySecret.objects.filter(public_id=public_id).order_by()
    return found.annotate(**grants_of("key__principal_id"), **generations()).values_list(*OWN_COLUMNS, *principal)


statement: Final = CompiledLookup(key_query, APIKeySecret)


def load(public_id: str) -> KeyRow | None:
    """Ask the database: one statement."""
    row = statement.find(public_id)
    return None if row is None else KeyRow._make((*row[: len(OWN_COLUMNS)], row[len(OWN_COLUMNS) :]))


class RowMemory:
    """What this process remembers of keys that proved right (`CACHE_SECONDS`), by a digest of their text, never by the text.

    A row counts only while the generations it was read with are the latest. A slow reader that stores a row after a revocation stores it
    with the older generation, so it revives nothing.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[bytes, tuple[float, KeyRow]] = OrderedDict()
        self._latest: tuple[int | None, int | None] = (None, None)
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def recall(self, text: str) -> KeyRow | None:
        """The row of a key whose text proved right a short while ago; None: the database must be asked."""
        seconds = access_settings.CACHE_SECONDS
        if not seconds:
            return None
        digest = hashlib.sha256(text.encode()).digest()
        if digest not in self._rows:  # nothing is asked for a text that may be no key at all
            return None
        now = time.monotonic()
        self._refresh(now)
        with self._lock:
            held = self._rows.get(digest)
            if held is None or now - held[0] >= seconds or not self._is_latest(held[1]):
                return None
            self._rows.move_to_end(digest)
            return held[1]

    def keep(self, text: str, row: KeyRow, asked_at: float) -> None:
        """Remember that `text` proved right against `row`, which the database was asked for at `asked_at` (`time.monotonic`)."""
        if not access_settings.CACHE_SECONDS:
            return
        with self._lock:
            self._rows[hashlib.sha256(text.encode()).digest()] = (asked_at, row)
            if asked_at > self._asked_at:  # the row brought the generations along
                self._latest = (row.policy_generation, row.credentials_generation)
                self._asked_at = asked_at
            while len(self._rows) > CACHE_SIZE:
                self._rows.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()
            self._asked_at = float("-inf")

    def _is_latest(self, row: KeyRow) -> bool:
        return (row.policy_generation, row.credentials_generation) == self._latest

    def _refresh(self, now: float) -> None:
        if now - self._asked_at < access_settings.GENERATION_SECONDS:
            return
        found = dict(Generation.objects.using(router.db_for_write(Generation)).values_list("name", "value"))
        with self._lock:
            if now > self._asked_at:
                self._latest = (found.get(Generation.POLICY), found.get(Generation.CREDENTIALS))
                self._asked_at = now


memory: Final = RowMemory()


def lazy_principal(row: KeyRow, finish: Any) -> Any:
    """The principal, built when a view first looks at it; `finish` is called with the user object."""

    def build() -> Any:
        user = row.make_principal()
        finish(user)
        return user

    return SimpleLazyObject(build)
