"""Another package's table, read piece by piece in the order of its primary key, with nothing of that package imported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.db import connections, models

from ...exceptions import InvalidChange, UnknownName
from ...roles import names


@dataclass(frozen=True, slots=True)
class ForeignKeyText:
    """One key of the other package as this one would store it. Never the text itself, nor anything to make it from."""

    public_id: str
    digest: str = field(repr=False)
    name: str
    user_id: Any = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Unusable:
    """A row that cannot be taken over: which, and why."""

    label: str
    reason: str


class Source(ABC):
    """How one package stores its keys. `columns` are those that it reads; others may be there."""

    default_model: ClassVar[str]
    table: ClassVar[str]
    header: ClassVar[str]
    has_users: ClassVar[bool] = True

    def __init__(self, *, model: str = "", using: str = "default") -> None:
        self.using = using
        table = table_of(model, using) if model else self.table
        self.rows: Any = foreign_model(table, self.columns(), using, self.default_model)

    @classmethod
    @abstractmethod
    def columns(cls) -> dict[str, models.Field[Any, Any]]:
        """The columns that are read, one of them the primary key."""

    @abstractmethod
    def convert(self, row: Any) -> ForeignKeyText | Unusable:
        """One row."""

    def count(self) -> int:
        """How many rows there are."""
        return int(self.rows._base_manager.using(self.using).count())

    def batches(self, size: int) -> Iterator[list[ForeignKeyText | Unusable]]:
        """All rows, `size` at a time, each time a statement of its own: no long transaction, no cursor held open."""
        last: Any = None
        while True:
            found = self.rows._base_manager.using(self.using).order_by("pk")
            rows = list(found[:size] if last is None else found.filter(pk__gt=last)[:size])
            if not rows:
                return
            last = rows[-1].pk
            yield [self.convert(row) for row in rows]


def foreign_model(table: str, columns: dict[str, models.Field[Any, Any]], using: str, model: str) -> Any:
    """A model over an existing table, in a registry of its own: no migration and no app knows of it. Raises `InvalidChange`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if table not in tables:
            others = [name for name in tables if not name.startswith("django_apiaccess_")]
            raise UnknownName(
                f"The database has no table {table!r}.{names.nearest(table, others)} "
                f"If your keys are in a model of your own, name it with --model, as --model {model}.",
                field="model",
            )
        present = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    missing = sorted(columns.keys() - present)
    if missing:
        raise InvalidChange(
            f"The table {table!r} has no column {missing[0]!r}: it does not hold such keys.", field="model"
        )
    meta = type(
        "Meta", (), {"apps": Apps(), "app_label": "django_apiaccess_import", "db_table": table, "managed": False}
    )
    return type("Row", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


def table_of(label: str, using: str) -> str:
    """The table of the model `app.Model`, which may be of an app that is not installed any more. Raises `UnknownName`."""
    app_label, dot, model = label.partition(".")
    if not dot or not model:
        raise UnknownName(f"--model: {label!r} is not a model: write app.Model.", field="model")
    try:
        return str(apps.get_model(label)._meta.db_table)
    except (LookupError, ValueError):
        table = f"{app_label}_{model}".lower()
        if table in connections[using].introspection.table_names():
            return table
    known = [f"{found._meta.app_label}.{found.__name__}" for found in apps.get_models()]
    raise UnknownName(
        f"--model: there is no model {label!r} and no table {table!r}.{names.nearest(label, known)}", field="model"
    )


def user_column() -> models.Field[Any, Any]:
    """A column that holds a user's primary key, whatever the project's user model."""
    pk: Any = get_user_model()._meta.pk
    while pk.remote_field is not None:
        pk = pk.target_field
    if isinstance(pk, models.AutoField | models.IntegerField):
        return models.BigIntegerField(null=True)
    if isinstance(pk, models.UUIDField):
        return models.UUIDField(null=True)
    return models.CharField(max_length=255, null=True)


def has_column(table: str, column: str, using: str) -> bool:
    """Whether the table has the column."""
    connection = connections[using]
    with connection.cursor() as cursor:
        return any(found.name == column for found in connection.introspection.get_table_description(cursor, table))
