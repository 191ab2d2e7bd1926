"""Building blocks of a credential's one statement: the principal's grants and the generations, as columns.

A credential kind annotates its own look-up with these and compiles it once a process with `CompiledLookup`: the models stay
the only place that knows the columns, and a request pays no compiling. Measured in `benchmarks/`: the ORM building such a
query costs more than everything else in a request.
"""

from __future__ import annotations

import hashlib
import re
import threading
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, Subquery, TextField
from django.db.models.functions import Coalesce

from .models import Generation, Grant

COLUMNS: Final = ("role_id", "scope_id", "on_object", "starts_at", "ends_at")
PREPARE_AFTER: Final = 2
"""Uses of a database connection before the statement is prepared on it: a connection that lives for one request is not worth it."""


class JSONRows(Subquery):
    """A subquery whose rows come as one JSON array of arrays, in the order of `COLUMNS`."""

    contains_aggregate = False

    def __init__(self, queryset: models.QuerySet[Any]) -> None:
        super().__init__(queryset, output_field=TextField())

    def _as(self, compiler: Any, connection: Any, array: str) -> Any:
        columns = ", ".join(f"r.{column}" for column in COLUMNS)
        template = f"(SELECT {array.format(columns)} FROM (%(subquery)s) r)"  # noqa: S608 - constants of this module
        return super().as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: Any, connection: Any, **_context: Any) -> Any:
        return self._as(compiler, connection, "json_group_array(json_array({}))")

    def as_postgresql(self, compiler: Any, connection: Any, **_context: Any) -> Any:
        return self._as(compiler, connection, "json_agg(json_build_array({}))::text")

    def as_mysql(self, compiler: Any, connection: Any, **_context: Any) -> Any:
        return self._as(compiler, connection, "CAST(JSON_ARRAYAGG(JSON_ARRAY({})) AS CHAR)")


def grants_of(principal: str) -> dict[str, Any]:
    """Annotations `direct_grants` and `group_grants` of the user whose id the outer column `principal` holds.

    Two subqueries, not one with OR: each then uses its index.
    """
    model = get_user_model()
    found: dict[str, Any] = {"direct_grants": _rows(Grant.objects.filter(user_id=OuterRef(principal)))}
    if hasattr(model, "groups"):
        field: Any = model._meta.get_field("groups")
        mine = {f"{field.m2m_field_name()}_id": OuterRef(OuterRef(principal))}
        groups = model.groups.through._default_manager.filter(**mine).values(f"{field.m2m_reverse_field_name()}_id")
        found["group_grants"] = _rows(Grant.objects.filter(group_id__in=Subquery(groups)))
    else:
        found["group_grants"] = Coalesce(models.Value(None, output_field=TextField()), models.Value("[]"))
    return found


def _rows(grants: models.QuerySet[Any]) -> JSONRows:
    on_object = ExpressionWrapper(Q(content_type__isnull=False), output_field=BooleanField())
    return JSONRows(grants.order_by().annotate(on_object=on_object).values(*COLUMNS).distinct())


def generations() -> dict[str, Any]:
    """Annotations `policy_generation` and `credentials_generation`."""
    return {
        f"{name}_generation": Subquery(Generation.objects.filter(name=name).values("value"))
        for name in (Generation.POLICY, Generation.CREDENTIALS)
    }


def principal_columns() -> tuple[str, ...]:
    """The columns of the user model that a request usually wants, as far as the project's model has them."""
    model = get_user_model()
    present = {field.attname for field in model._meta.concrete_fields}
    wanted = (model.USERNAME_FIELD, "is_active", "is_staff", "is_superuser")
    return tuple(name for name in dict.fromkeys(wanted) if name in present)


class Compiled(Protocol):
    """A compiled look-up."""

    def find(self, value: str) -> tuple[Any, ...] | None: ...


class CompiledLookup:
    """`queryset.filter(<column>=value)` compiled once a process, run as fixed SQL: prepared on PostgreSQL where that is safe.

    `make` builds the query for a placeholder value. The statement always runs on the database that takes the writes: a replica that lags
    would honour revoked credentials.
    """

    PLACEHOLDER: Final = "\x00placeholder"

    def __init__(self, make: Any, model: type[models.Model]) -> None:
        self._make = make
        self._model = model
        self._compiled: dict[str, tuple[str, list[Any], list[Any], str]] = {}
        self._uses: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def compile(self, using: str) -> tuple[str, list[Any], list[Any], str]:
        """SQL, parameters (with the placeholder among them), converters, and a name for the prepared statement."""
        with self._lock:
            found = self._compiled.get(using)
            if found is None:
                query = self._make(self.PLACEHOLDER).using(using).query
                compiler = query.get_compiler(using=using)
                sql, params = compiler.as_sql()
                expressions = [column[0] for column in compiler.select[0 : compiler.col_count]]
                converters = [
                    (index, convert, expression)
                    for index, (chain, expression) in compiler.get_converters(expressions).items()
                    for convert in chain
                ]
                name = f"apiaccess_{hashlib.sha256(sql.encode()).hexdigest()[:12]}"
                found = self._compiled[using] = (sql, list(params), converters, name)
            return found

    def find(self, value: str) -> tuple[Any, ...] | None:
        """The row for `value`, as Python values, or None. One statement."""
        using = router.db_for_write(self._model)
        sql, params, converters, name = self._compiled.get(using) or self.compile(using)
        connection = connections[using]
        given = [value if param == self.PLACEHOLDER else param for param in params]
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql" and self._prepared(connection, sql, name):
                sql = f"EXECUTE {name} ({', '.join(['%s'] * len(given))})"
            cursor.execute(sql, given)
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for index, convert, expression in converters:
            values[index] = convert(values[index], expression, connection)
        return tuple(values)

    def _prepared(self, connection: Any, sql: str, name: str) -> bool:
        """Whether the statement is prepared on this very connection; it prepares it once the connection has proven to last.

        Not behind a transaction pooler (Django's own setting for it says so), and not with server-side binding, where the driver does it.
        """
        settings = connection.settings_dict
        if settings.get("DISABLE_SERVER_SIDE_CURSORS") or settings.get("OPTIONS", {}).get("server_side_binding"):
            return False
        raw = connection.connection
        uses = self._uses.get(raw, 0)
        if uses < PREPARE_AFTER:
            self._uses[raw] = uses + 1
            return False
        if uses == PREPARE_AFTER:
            position = iter(range(1, sql.count("%s") + 1))
            numbered = re.sub(r"%s", lambda _found: f"${next(position)}", sql).replace("%%", "%")
            with raw.cursor() as cursor:
                cursor.execute(f"PREPARE {name} AS {numbered}")
            self._uses[raw] = uses + 1
        return True
