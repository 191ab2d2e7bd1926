"""Names of what the shared cache holds, and whose facts they are: a project and one that runs on its copied database believe their own."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any, Final

from django.db import connections

from ..conf import access_settings
from .models import Generation

EPOCH: Final = "apiaccess:epoch"
KINDS: Final = (Generation.POLICY, Generation.CREDENTIALS, Generation.SIGNING_KEYS)
"""Kinds of changes that may concern many sessions. Of each kind one is on its way at a time: its generation's row is locked."""


def changing(kind: str) -> str:
    """Says that a change of the kind is on its way, and which."""
    return f"apiaccess:changing:{kind}"


def changed(kind: str) -> str:
    """Says which change of the kind was the last to be told as committed."""
    return f"apiaccess:changed:{kind}"


def ended(sid: str) -> str:
    """Says that the session ends or changes, whatever the epoch."""
    return f"apiaccess:ended:{sid}"


def facts(within: str, sid: str) -> str:
    """Where the facts of a session are. `within`: the place and the epoch."""
    return f"apiaccess:session:{within}:{sid}"


def standing(using: str) -> tuple[int | None, str]:
    """The generation `shared_cache`, and the place: a name of the database and of the server that runs it now; one statement.

    Telling of a change does not depend on the place, so a command that reaches the database by another address is heard. Only facts do: who
    goes by another name finds none, and asks the database. So the name may be as narrow as it likes. Started at the same microsecond, under
    the same address and name, with the same issuer, no two servers are.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        rows = Generation.objects.using(using).filter(name=Generation.SHARED_CACHE)
        return rows.values_list("value", flat=True).first(), _place(connection, socket.gethostname())
    quote, fields = connection.ops.quote_name, Generation._meta
    value, name, table = (quote(one) for one in ("value", "name", fields.db_table))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT {value} FROM {table} WHERE {name} = %s), "  # noqa: S608 - names of our own, quoted
            "EXTRACT(EPOCH FROM pg_postmaster_start_time())::text",
            [Generation.SHARED_CACHE],
        )
        faults, started = cursor.fetchone()
    return faults, _place(connection, started)


def _place(connection: Any, server: str) -> str:
    entry = connection.settings_dict
    name = str(entry.get("NAME") or "")
    if connection.vendor == "sqlite":
        name = str(Path(name).resolve())
    parts = (
        access_settings.ISSUER,
        connection.vendor,
        entry.get("HOST") or "",
        str(entry.get("PORT") or ""),
        name,
        server,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
