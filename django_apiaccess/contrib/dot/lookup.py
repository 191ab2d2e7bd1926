"""The one statement of a request with a token of DOT: the token, its application, its principal, the grants and the generations.

It reads the tables of whatever models the project swapped in. The text of the token never reaches the database: DOT keeps a SHA-256 of
it in `token_checksum`, whether or not it also keeps the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import BooleanField, Case, ExpressionWrapper, F, OuterRef, Q, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Coalesce

from ...keys.models import ServiceAccount
from ...roles.principal import PRINCIPAL_COLUMNS, PrincipalRow
from ...roles.statement import CompiledLookup, generations, grants_of, principal_columns

PREFIX: Final = "principal_"


class TokenColumns(NamedTuple):
    """The columns of the statement."""

    token_id: Any
    user_id: Any
    expires_at: datetime | None
    scope: str
    application_id: Any
    application_client_id: str | None
    application_name: str | None
    resource: str | None
    application_is_active: bool
    principal_id: Any
    direct_grants: str | None
    group_grants: str | None
    policy_generation: int | None
    credentials_generation: int | None
    principal_values: tuple[Any, ...]


class TokenRow(PrincipalRow, TokenColumns):
    """Everything that a decision on a token of DOT needs."""

    __slots__ = ()


OWN_COLUMNS: Final = (
    "pk",
    "user_id",
    "expires",
    "scope",
    "application_id",
    "application__client_id",
    "application__name",
    "token_resource",
    "application_is_active",
    "principal_pk",
    *PRINCIPAL_COLUMNS,
)
Accounts = tuple[tuple[str, str], ...]


def token_model() -> Any:
    """DOT's model of access tokens, or the project's own. Raises `ImproperlyConfigured` for one without `token_checksum`."""
    from oauth2_provider.models import get_access_token_model

    model = get_access_token_model()
    if not has_field(model, "token_checksum"):
        raise ImproperlyConfigured(
            f"{model._meta.label} has no token_checksum: API_ACCESS['DOT'] needs django-oauth-toolkit 3.0 or newer."
        )
    return model


def has_field(model: Any, name: str) -> bool:
    """Whether the model has a field `name`."""
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def with_principal(found: Any, accounts: Accounts) -> Any:
    """The tokens with `principal_pk`: the token's user; without one, the service account that stands for its application."""
    if not accounts:
        return found.annotate(principal_pk=F("user_id"))
    named = Case(*(When(application__client_id=client_id, then=Value(name)) for client_id, name in accounts))
    account = ServiceAccount.objects.filter(name=OuterRef("account_name")).values("user_id")
    key: Any = get_user_model()._meta.pk
    while key.remote_field is not None:  # multi-table inheritance: the parent's key
        key = key.target_field
    principal = Coalesce("user_id", Subquery(account), output_field=key)
    return found.annotate(account_name=named).annotate(principal_pk=principal)


def token_query(checksum: str, accounts: Accounts) -> Any:
    """The look-up as the ORM writes it; compiled once. Tests hold the compiled statement against it."""
    model = token_model()
    application = model._meta.get_field("application").related_model
    found = with_principal(model._base_manager.filter(token_checksum=checksum).order_by(), accounts)
    users = get_user_model()._base_manager.filter(pk=OuterRef("principal_pk"))
    exists = ExpressionWrapper(Q(application__isnull=False), output_field=BooleanField())
    active = F("application__is_active") if has_field(application, "is_active") else exists
    found = found.annotate(
        token_resource=Cast("resource", TextField()) if has_field(model, "resource") else Value("[]", TextField()),
        application_is_active=active,
    )
    found = found.annotate(
        **grants_of("principal_pk"),
        **generations(),
        **{f"{PREFIX}{column}": Subquery(users.values(column)) for column in principal_columns()},
    )
    return found.values_list(*OWN_COLUMNS, *(f"{PREFIX}{column}" for column in principal_columns()))


class Lookup(CompiledLookup):
    """One for each set of service accounts: their names are part of the statement."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__(lambda checksum: token_query(checksum, accounts), token_model())
        self._on_connection += f"_{hashlib.sha256(repr(accounts).encode()).hexdigest()[:16]}"


@lru_cache(maxsize=8)
def statement(accounts: Accounts) -> Lookup:
    """The compiled statement for these service accounts."""
    return Lookup(accounts)


def load(text: str, service_accounts: Mapping[str, str]) -> TokenRow | None:
    """Ask the database for the token with this text: one statement."""
    checksum = hashlib.sha256(text.encode()).hexdigest()
    row = statement(tuple(sorted(service_accounts.items()))).find(checksum)
    return None if row is None else TokenRow._make((*row[: len(OWN_COLUMNS)], row[len(OWN_COLUMNS) :]))
