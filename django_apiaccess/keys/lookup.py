"""The one statement of a request with an API key, and the opt-in memory in front of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from ..roles.principal import PRINCIPAL_COLUMNS, PrincipalRow, RowMemory
from ..roles.statement import CompiledLookup, generations, grants_of, principal_columns
from .models import APIKeySecret


class KeyColumns(NamedTuple):
    """The columns of the statement."""

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
    dpop_jkt: str
    expires_at: datetime | None
    revoked_at: datetime | None
    principal_id: Any
    direct_grants: str | None
    group_grants: str | None
    policy_generation: int | None
    credentials_generation: int | None
    principal_values: tuple[Any, ...]


class KeyRow(PrincipalRow, KeyColumns):
    """Everything that a decision on a key needs."""

    __slots__ = ()


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
    "key__dpop_jkt",
    "key__expires_at",
    "key__revoked_at",
    "key__principal_id",
    *PRINCIPAL_COLUMNS,
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


memory: Final[RowMemory[KeyRow]] = RowMemory()
