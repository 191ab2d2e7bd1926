"""The server of `serve`, which kills itself with SIGKILL at the place of a refresh that `DIE_AT` names, as a machine loses its power.

`before <fragment>` and `after <fragment>`: around the first statement that holds it. `answer`: after the commit, before the answer.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import django
from django.db.backends.signals import connection_created

from . import serve


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watch(connection: Any, **_kwargs: Any) -> None:
    """Look at every statement of a new connection."""
    when, _space, fragment = os.environ["DIE_AT"].partition(" ")

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        here = bool(fragment) and fragment in sql
        if here and when == "before":
            die()
        answer = execute(sql, params, many, context)
        if here and when == "after":
            die()
        return answer

    connection.execute_wrappers.append(wrapper)


def main() -> None:
    django.setup()
    connection_created.connect(watch, weak=False)
    if os.environ["DIE_AT"] == "answer":
        from django_apiaccess.tokens import answer

        answer.access_token = lambda *_arguments, **_named: die()  # type: ignore[assignment, func-returns-value]
    serve.main()


if __name__ == "__main__":
    main()
