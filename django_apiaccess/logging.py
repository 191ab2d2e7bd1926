"""Log records without credentials: a filter for handlers, and a formatter for those that write more than the message.

    LOGGING = {
        ...
        "filters": {"redact": {"()": "django_apiaccess.logging.RedactSecrets"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"]}},
    }

On handlers, not on loggers: a logger's filters do not see what comes from the loggers below it.
"""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Callable
from types import NoneType
from typing import Any, Final

from django.utils.module_loading import import_string

from .core.redaction import ELLIPSIS, is_secret_name, redact, redact_value

__all__ = ["RedactSecrets", "RedactingFormatter"]
STANDARD: Final = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
"""What every record has. The rest came by `extra`."""
FAILED: Final = "(a message that could not be redacted)"
FAILED_TRACEBACK: Final = "(a traceback that could not be redacted)"


class RedactSecrets(logging.Filter):
    """Takes keys, tokens and the values of credential headers out of a record: message, arguments, `extra`, traceback and stack.

    The public id of a key stays (`ak_4fT9sLq02XbR_…`), so that a line still says which key it was. It lets every record through and
    never raises: a part that cannot be redacted is replaced, and the others stay. The record itself is changed, so handlers that come
    later see it redacted too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        _redact_record(record)
        return True


def _redact_record(record: logging.LogRecord) -> None:
    """Each part on its own: arguments and `extra` are objects of the project, which may do anything."""
    for part, failed in PARTS:
        try:
            part(record)
        except Exception:  # noqa: BLE001
            record.__dict__.update(failed)
    for name in [name for name in record.__dict__ if name not in STANDARD]:
        try:
            record.__dict__[name] = _redacted_extra(name, record.__dict__[name])
        except Exception:  # noqa: BLE001
            record.__dict__[name] = ELLIPSIS


def _redact_message(record: logging.LogRecord) -> None:
    if record.args:
        record.args = redact_value(record.args)
    message = record.getMessage()
    clean = redact(message)
    if clean != message or type(record.msg) is not str:  # it stood in an object, or came together from several parts
        record.msg, record.args = clean, ()


def _redact_traceback(record: logging.LogRecord) -> None:
    if record.exc_text:
        record.exc_text = redact(str(record.exc_text))
    elif record.exc_info:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        clean = redact(text)
        if clean != text:
            record.exc_text = clean  # logging.Formatter takes it instead of formatting the exception


def _redact_stack(record: logging.LogRecord) -> None:
    if record.stack_info:
        record.stack_info = redact(str(record.stack_info))


PARTS: Final[tuple[tuple[Callable[[logging.LogRecord], None], dict[str, Any]], ...]] = (
    (_redact_message, {"msg": FAILED, "args": ()}),
    (_redact_traceback, {"exc_info": None, "exc_text": FAILED_TRACEBACK}),
    (_redact_stack, {"stack_info": FAILED_TRACEBACK}),
)
"""What is done with a record, and what stands there where that fails."""


def _redacted_extra(name: str, value: Any) -> Any:
    """`value` redacted; one of another type as its redacted text where that holds a credential, else as it is.

    Models and querysets stay as they are: their text may be a query.
    """
    if is_secret_name(name):
        return ELLIPSIS
    clean = redact_value(value)
    if clean is not value or isinstance(value, str | bytes | int | float | complex | NoneType):
        return clean
    if hasattr(type(value), "_meta") or hasattr(type(value), "as_manager"):
        return value
    text = str(value)
    clean = redact(text)
    return value if clean == text and redact(shown := repr(value)) == shown else clean


class RedactingFormatter(logging.Formatter):
    """Redacts the whole line that another formatter makes, as one that writes JSON with a traceback of its own.

    `formatter` is that one: a class, its dotted path, or a formatter; the other arguments are handed to it. Without it: logging's own.
    It gets a copy of the record that is redacted already: what is a header in a dict is none any more in a line of JSON.
    """

    def __init__(self, *arguments: Any, formatter: Any = None, **options: Any) -> None:
        super().__init__()
        made = import_string(formatter) if isinstance(formatter, str) else formatter or logging.Formatter
        self._inner: logging.Formatter = made(*arguments, **options) if callable(made) else made

    def format(self, record: logging.LogRecord) -> str:
        try:
            shown = copy.copy(record)
            _redact_record(shown)
            return redact(str(self._inner.format(shown)))
        except Exception:  # noqa: BLE001 - logging would print the record as it came
            return FAILED
