"""The administrator's shell: a process of its own that changes keys and grants while the servers run.

Reads one JSON array a line, `["rotate", {"key": 1, "grace": 0}]`, and answers with one JSON value a line.
"""

from __future__ import annotations

import json
import sys

import django
from django.db import connections


def main() -> None:
    django.setup()
    from .administration import COMMANDS  # models: only now

    for line in sys.stdin:
        name, arguments = json.loads(line)
        answer = COMMANDS[name](**arguments)
        connections.close_all()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
