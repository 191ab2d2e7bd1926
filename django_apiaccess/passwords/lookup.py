"""The one statement of a request with a user name: the user, the password's hash, the grants and the generations."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.contrib.auth import get_user_model

from ..mfa.policy import any_factor
from ..roles.principal import PRINCIPAL_COLUMNS, PrincipalRow
from ..roles.statement import CompiledLookup, generations, grants_of, principal_columns


class UserColumns(NamedTuple):
    """The columns of the statement."""

    principal_id: Any
    password: str
    direct_grants: str | None
    group_grants: str | None
    policy_generation: int | None
    credentials_generation: int | None
    has_second_factor: bool
    principal_values: tuple[Any, ...]


class UserRow(PrincipalRow, UserColumns):
    """A user as a request with a user name needs it."""

    __slots__ = ()


OWN_COLUMNS: Final = ("pk", "password", *PRINCIPAL_COLUMNS, "apiaccess_has_factor")


def user_query(username: str) -> Any:
    """The look-up as the ORM writes it; compiled once."""
    model = get_user_model()
    found = model._default_manager.filter(**{model.USERNAME_FIELD: username}).order_by()
    annotated = found.annotate(**grants_of("pk"), **generations(), apiaccess_has_factor=any_factor("pk"))
    return annotated.values_list(*OWN_COLUMNS, *principal_columns())


_statements: dict[type, CompiledLookup] = {}


def find_user(username: str) -> UserRow | None:
    """Ask the database: one statement."""
    model = get_user_model()
    statement = _statements.setdefault(model, CompiledLookup(user_query, model))
    row = statement.find(username)
    return None if row is None else UserRow._make((*row[: len(OWN_COLUMNS)], row[len(OWN_COLUMNS) :]))
