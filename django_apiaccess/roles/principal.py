"""What every credential's row has in common: the principal, its grants and the generations; and the opt-in memory of such rows."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from django.contrib.auth import get_user_model
from django.db import router
from django.utils.functional import SimpleLazyObject

from ..conf import access_settings
from ..core import scopes as core_scopes
from ..core.access import Access, CredentialRef
from .ceiling import put_ceiling
from .models import Generation
from .policy import parse_grants, policy_for
from .rights import PrincipalRights, build_access
from .statement import principal_columns

MEMORY_SIZE: Final = 10_000
PRINCIPAL_COLUMNS: Final = ("direct_grants", "group_grants", "policy_generation", "credentials_generation")
"""Annotations of every credential's statement, in this order."""


class PrincipalRow:
    """The part of a credential's row that says who the principal is and what it holds. Mixed into a NamedTuple."""

    __slots__ = ()

    if TYPE_CHECKING:
        principal_id: Any
        direct_grants: str | None
        group_grants: str | None
        policy_generation: int | None
        credentials_generation: int | None
        principal_values: tuple[Any, ...]

    def __repr__(self) -> str:  # a row holds digests
        return f"<{type(self).__name__} of principal {self.principal_id}>"

    def principal_value(self, column: str, default: Any) -> Any:
        """A column of the principal, or `default` where the user model has no such column."""
        columns = principal_columns()
        return self.principal_values[columns.index(column)] if column in columns else default

    @property
    def is_active(self) -> bool:
        return bool(self.principal_value("is_active", default=True))

    def make_principal(self) -> Any:
        """The principal as a user object, made from the row; what the row lacks is loaded when it is asked for."""
        model = get_user_model()
        columns = (model._meta.pk.attname, *principal_columns())
        values = dict(zip(columns, (self.principal_id, *self.principal_values), strict=True))
        names = [field.attname for field in model._meta.concrete_fields if field.attname in values]
        return model.from_db(router.db_for_write(model), names, [values[name] for name in names])

    def access(
        self, credential: CredentialRef, *, granted: frozenset[str] | None, now: datetime, **facts: Any
    ) -> Access:
        """Granted ∩ held, from the row alone: no query unless the policy changed. `granted` None: an unscoped credential."""
        policy = policy_for(self.policy_generation)
        grants = parse_grants(self.direct_grants, self.group_grants)
        superuser = bool(self.principal_value("is_superuser", default=False))
        held = policy.held(grants.active(now), superuser=superuser)
        uses = facts.get("uses")

        def build() -> Any:  # holds nothing of the access: a circle would be left to the garbage collector
            user = self.make_principal()
            user.__dict__["_apiaccess_rights"] = PrincipalRights(user, policy, held, None)
            if granted is not None:
                put_ceiling(user, PrincipalRights(user, policy, held, core_scopes.registry.expand(granted), uses))
            return user

        return build_access(SimpleLazyObject(build), credential, policy=policy, held=held, granted=granted, **facts)


class HasGenerations(Protocol):
    """What can be remembered: it says of which generations it is."""

    @property
    def policy_generation(self) -> int | None: ...

    @property
    def credentials_generation(self) -> int | None: ...


Row = TypeVar("Row", bound=HasGenerations)


class RowMemory(Generic[Row]):
    """What this process remembers of credentials that proved right (`CACHE_SECONDS`), by a digest of their text, never by the text.

    A row counts only while the generations it was read with are the latest. A slow reader that stores a row after a revocation stores it
    with the older generation, so it revives nothing.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[bytes, tuple[float, Row]] = OrderedDict()
        self._latest: tuple[int | None, int | None] = (None, None)
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def recall(self, text: str) -> Row | None:
        """The row of a credential whose text proved right a short while ago; None: the database must be asked."""
        seconds = access_settings.CACHE_SECONDS
        if not seconds:
            return None
        digest = hashlib.sha256(text.encode()).digest()
        if digest not in self._rows:  # nothing is asked for a text that may be no credential at all
            return None
        now = time.monotonic()
        self._refresh(now)
        with self._lock:
            held = self._rows.get(digest)
            if held is None or now - held[0] >= seconds or not self._is_latest(held[1]):
                return None
            self._rows.move_to_end(digest)
            return held[1]

    def keep(self, text: str, row: Row, asked_at: float) -> None:
        """Remember that `text` proved right against `row`, which the database was asked for at `asked_at` (`time.monotonic`)."""
        if not access_settings.CACHE_SECONDS:
            return
        with self._lock:
            self._rows[hashlib.sha256(text.encode()).digest()] = (asked_at, row)
            if asked_at > self._asked_at:  # the row brought the generations along
                self._latest = (row.policy_generation, row.credentials_generation)
                self._asked_at = asked_at
            while len(self._rows) > MEMORY_SIZE:
                self._rows.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()
            self._asked_at = float("-inf")

    def _is_latest(self, row: Row) -> bool:
        return (row.policy_generation, row.credentials_generation) == self._latest

    def _refresh(self, now: float) -> None:
        if now - self._asked_at < access_settings.GENERATION_SECONDS:
            return
        found = dict(Generation.objects.using(router.db_for_write(Generation)).values_list("name", "value"))
        with self._lock:
            if now > self._asked_at:
                self._latest = (found.get(Generation.POLICY), found.get(Generation.CREDENTIALS))
                self._asked_at = now
