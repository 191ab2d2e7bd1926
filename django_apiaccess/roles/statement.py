"""Building blocks of a credential's one statement: the principal's grants and the generations, as columns.

A credential kind annotates its own look-up with these and compiles it once a process with `CompiledLookup`: the models stay
the only place that knows the columns, and a request pays no compiling. Measured in `benchmarks/`: the ORM building such a
query costs more than everything else in a request.
"""

from __future__ import annotations

import re
import sys
import threading
from functools import lru_cache
from typing import Any, Final, Protocol

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, Subquery, TextField

from .models import Generation, Grant

COLUMNS: Final = ("role_id", "scope_id", "on_object", "starts_at", "ends_at")
PREPARE_AFTER: Final = 2
"""Uses of a database connection before the statement is prepared on it: a connection that lives for one request is not worth it."""
PREPARED: Final = PREPARE_AFTER + 1
NEVER: Final = -1
COMMAND_OK: Final = 1
TUPLES_OK: Final = 2
IDLE: Final = 0
INTRANS: Final = 2
"""libpq's codes: `psycopg.pq.ExecStatus` and `TransactionStatus`."""


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
        found["group_grants"] = models.Value("[]", output_field=TextField())
    return found


def _rows(grants: models.QuerySet[Any]) -> JSONRows:
    on_object = ExpressionWrapper(Q(content_type__isnull=False), output_field=BooleanField())
    return JSONRows(grants.order_by().annotate(on_object=on_object).values(*COLUMNS).distinct())


def generations(*more: str) -> dict[str, Any]:
    """Annotations `policy_generation` and `credentials_generation`, and those of `more`."""
    return {
        f"{name}_generation": Subquery(Generation.objects.filter(name=name).values("value"))
        for name in (Generation.POLICY, Generation.CREDENTIALS, *more)
    }


@lru_cache(maxsize=1)
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
        self._compiled: dict[str, tuple[str, list[Any], list[Any]]] = {}
        self._on_connection = f"_apiaccess_{model._meta.model_name}"
        self._binary = True
        self._lock = threading.Lock()

    def compile(self, using: str) -> tuple[str, list[Any], list[Any]]:
        """SQL, parameters (with the placeholder among them), and converters."""
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
                found = self._compiled[using] = (sql, list(params), converters)
            return found

    def find(self, value: str) -> tuple[Any, ...] | None:
        """The row for `value`, as Python values, or None. One statement."""
        using = router.db_for_write(self._model)
        sql, params, converters = self._compiled.get(using) or self.compile(using)
        connection = connections[using]
        row = self._first_row(connection, sql, [value if param == self.PLACEHOLDER else param for param in params])
        if row is None:
            return None
        values = list(row)
        for index, convert, expression in converters:
            values[index] = convert(values[index], expression, connection)
        return tuple(values)

    def _first_row(self, connection: Any, sql: str, given: list[Any]) -> Any:
        """Run the statement: prepared where that is safe and worth it, else plain."""
        if connection.vendor == "postgresql" and self._may_prepare(connection):
            raw = connection.connection
            statement = raw.__dict__.get(self._on_connection)
            if statement is None:
                statement = raw.__dict__[self._on_connection] = PreparedStatement(raw, sql, self._on_connection)
            found, row = statement.run(raw, given, binary=self._binary)
            if found and row is not None and bytes in map(type, row):
                self._binary = False  # a type that psycopg reads only as text, as citext
                found, row = statement.run(raw, given, binary=False)
            if found:
                return row
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            return cursor.fetchone()

    @staticmethod
    def _may_prepare(connection: Any) -> bool:
        """Whether to use a prepared statement on this very connection.

        Not behind a transaction pooler (Django's own setting for it says so), and not with server-side binding, where the driver does it
        for every statement. Not while somebody logs, counts or wraps statements: they are to see it. psycopg 2 cannot.
        """
        settings = connection.settings_dict
        if settings.get("DISABLE_SERVER_SIDE_CURSORS") or settings["OPTIONS"].get("server_side_binding"):
            return False
        if connection.timezone is None:  # without USE_TZ: in binary, times come with a zone all the same
            return False
        if connection.queries_logged or connection.execute_wrappers or connection.needs_rollback:
            return False
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        return hasattr(connection.connection, "pgconn") and not _cooperative()


@lru_cache(maxsize=1)
def _cooperative() -> bool:
    """Whether gevent runs this process: psycopg then waits in its way, which a call into libpq would not."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("select"))


def as_text(value: str | bool | int) -> bytes:
    """A parameter as PostgreSQL reads it from text; its type follows from where it stands in the statement."""
    return str(value).lower().encode() if isinstance(value, bool) else str(value).encode()


class PreparedStatement:
    """A statement on one psycopg connection, prepared when the connection has proven to last, and executed by one call of libpq.

    psycopg's cursors do the same through several layers that together cost as much as the statement; Django's bind in the client and
    never prepare. `pgconn` is psycopg's documented access to libpq, and `Transformer` what its own cursors read results with.
    """

    def __init__(self, raw: Any, sql: str, name: str) -> None:
        from psycopg import Error  # not at import: a project on another database has no psycopg
        from psycopg.adapt import Transformer

        self._errors = Error
        self._sql = sql
        self._name = name.encode()
        # Not of the connection itself, which holds this: in a circle, one that nobody closes would stay open.
        self._transformer = Transformer(raw.adapters)
        self._uses = 0

    def run(self, raw: Any, given: list[Any], *, binary: bool) -> tuple[bool, Any]:
        """`(True, row or None)`, or `(False, None)` when the plain statement must be used.

        A prepared statement can be lost (`DISCARD ALL`, a pooler) or outdated (a migration changed a column). Then this connection goes
        on without; inside a transaction, which the failure ended, the plain statement raises what Django raises there.
        """
        if self._uses < PREPARE_AFTER:
            self._uses += 1
            return False, None
        if self._uses == NEVER or not self._is_ready(raw):
            return False, None
        try:
            return self._execute(raw.pgconn, given, binary=binary)
        except self._errors:  # the connection died
            self._uses = NEVER
            return False, None

    @staticmethod
    def _is_ready(raw: Any) -> bool:
        """Whether libpq may be called now: outside a transaction only where psycopg would not begin one first."""
        status = raw.pgconn.transaction_status
        return bool(status == INTRANS or (status == IDLE and raw.autocommit))

    def _execute(self, pgconn: Any, given: list[Any], *, binary: bool) -> tuple[bool, Any]:
        if self._uses == PREPARE_AFTER:
            position = iter(range(1, len(given) + 1))
            numbered = re.sub("%s", lambda _found: f"${next(position)}", self._sql).replace("%%", "%")
            if pgconn.prepare(self._name, numbered.encode()).status != COMMAND_OK:
                self._uses = NEVER
                return False, None
            self._uses = PREPARED
        result = pgconn.exec_prepared(self._name, [as_text(value) for value in given], result_format=int(binary))
        if result.status != TUPLES_OK:
            self._uses = NEVER
            return False, None
        if result.ntuples == 0:
            return True, None
        self._transformer.set_pgresult(result)
        return True, self._transformer.load_row(0, tuple)
