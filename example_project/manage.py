#!/usr/bin/env python
"""The example project's command line."""

import os
import signal
import sys


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # As production's servers do: end through Python's exit, whose handlers write what still waits to be written.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
