"""The one statement of a request with an access token of ours: the session, its user, the grants and the generations."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..core.scopes import dump, parse
from ..roles.models import Generation
from ..roles.principal import PRINCIPAL_COLUMNS, PrincipalRow
from ..roles.statement import CompiledLookup, generations, grants_of, principal_columns
from .models import TokenSession


class SessionColumns(NamedTuple):
    """The columns of the statement."""

    session_id: int
    sid: str
    password_mark: str
    password: str
    client_id: str
    scope: frozenset[str]
    expires_at: datetime
    revoked_at: datetime | None
    principal_id: Any
    direct_grants: str | None
    group_grants: str | None
    policy_generation: int | None
    credentials_generation: int | None
    signing_keys_generation: int | None
    principal_values: tuple[Any, ...]


class SessionRow(PrincipalRow, SessionColumns):
    """Everything that a decision on a token of ours needs, beside its claims."""

    __slots__ = ()

    def facts(self) -> tuple[Any, ...]:
        """The row for the shared cache, once it proved right: plain values, without what says something of the password."""
        values = {**self._asdict(), "password_mark": "", "password": "", "scope": dump(self.scope)}
        return (layout(), *values.values())

    @classmethod
    def of_facts(cls, facts: Any) -> SessionRow | None:
        """The row that was kept; None where another release, or another user model, kept it."""
        if not isinstance(facts, tuple) or facts[:1] != (layout(),) or len(facts) != len(cls._fields) + 1:
            return None
        row = cls._make(facts[1:])
        return row._replace(scope=parse(str(row.scope)))


OWN_COLUMNS: Final = (
    "pk",
    "sid",
    "password_mark",
    "user__password",
    "client_id",
    "scope",
    "expires_at",
    "revoked_at",
    "user_id",
    *PRINCIPAL_COLUMNS,
    "signing_keys_generation",
)


@lru_cache(maxsize=1)
def layout() -> str:
    """What the columns of a row are, in a few characters."""
    return hashlib.sha256(repr((SessionColumns._fields, principal_columns())).encode()).hexdigest()[:12]


def session_query(sid: str) -> Any:
    """The look-up as the ORM writes it; compiled once. Tests hold the compiled statement against it."""
    principal = (f"user__{column}" for column in principal_columns())
    found = TokenSession.objects.filter(sid=sid).order_by()
    annotated = found.annotate(**grants_of("user_id"), **generations(Generation.SIGNING_KEYS))
    return annotated.values_list(*OWN_COLUMNS, *principal)


statement: Final = CompiledLookup(session_query, TokenSession)


def load(sid: str) -> SessionRow | None:
    """Ask the database: one statement."""
    row = statement.find(sid)
    return None if row is None else SessionRow._make((*row[: len(OWN_COLUMNS)], row[len(OWN_COLUMNS) :]))
