"""Keeps what other packages log of a message out of the logs: they write whole requests at DEBUG, and numbers at INFO and WARNING.

Every record that they make while we call them is emptied, in our thread alone; whatever the levels, handlers and loggers of the project,
also of loggers that are made meanwhile. Records of ours are left as they are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

OURS: Final = "django_apiaccess"
WITHHELD: Final = "(withheld: a text message is being sent)"
_silent: Final[ContextVar[bool]] = ContextVar("django_apiaccess.sms.silent", default=False)
_lock: Final = threading.Lock()


@contextmanager
def silence() -> Iterator[None]:
    """While it lasts, records that other packages make in this context say nothing."""
    token = _silent.set(True)
    try:
        with _lock:
            if not _works():
                logging.setLogRecordFactory(_emptying(logging.getLogRecordFactory()))
        yield
    finally:
        _silent.reset(token)


def _works() -> bool:
    """Whether it is our factory that makes records, or one that asks ours: another package may have put its own in front or in place."""
    probe = logging.getLogRecordFactory()("probe", logging.DEBUG, "", 0, "said", (), None)
    return bool(probe.getMessage() == WITHHELD)


def _emptying(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def made(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        if _silent.get() and record.name.partition(".")[0] != OURS:
            record.msg, record.args, record.exc_info, record.exc_text, record.stack_info = (
                WITHHELD,
                (),
                None,
                None,
                None,
            )
        return record

    return made
