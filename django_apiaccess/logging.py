"""Log records without credentials: a filter for handlers, and a formatter for those that write more than the message.

    LOGGING = {
        ...
        "filters": {"redact": {"()": "django_apiaccess.logging.RedactSecrets"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"]}},
    }

On handlers, not on loggers: a logger's filters do not see what comes from the loggers below it.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any, Final

from django.utils.module_loading import import_string

from .core.redaction import ELLIPSIS, is_secret_name, redact, redact_value

__all__ = ["RedactSecrets", "RedactingFormatter"]
STANDARD: Final = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
"""What every record has. The rest came by `extra`."""
FAILED: Final = "(a message that could not be redacted)"


class RedactSecrets(logging.Filter):
    """Takes keys, tokens and the values of credential headers out of a record: message, arguments, `extra`, traceback and stack.

    The public id of a key stays (`ak_4fT9sLq02XbR_…`), so that a line still says which key it was. It lets every record through and
    never raises. The record itself is changed, so handlers that come later see it redacted too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            _redact_record(record)
        except Exception:  # noqa: BLE001 - arguments are objects of the project, which may do anything
            record.msg, record.args = FAILED, ()
        return True


def _redact_record(record: logging.LogRecord) -> None:
    if record.args:
        record.args = redact_value(record.args)
    message = record.getMessage()
    clean = redact(message)
    if clean != message or not isinstance(
        record.msg, str
    ):  # it stood in an object, or came together from several parts
        record.msg, record.args = clean, ()
    if record.exc_info and not record.exc_text:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        clean = redact(text)
        if clean != text:
            record.exc_text = clean  # logging.Formatter takes it instead of formatting the exception
    elif record.exc_text:
        record.exc_text = redact(record.exc_text)
    if record.stack_info:
        record.stack_info = redact(record.stack_info)
    for name, value in record.__dict__.items():
        if name not in STANDARD and isinstance(value, str | bytes | dict | list | tuple | set):
            record.__dict__[name] = ELLIPSIS if is_secret_name(name) else redact_value(value)


class RedactingFormatter(logging.Formatter):
    """Redacts the whole line that another formatter makes, as one that writes JSON with a traceback of its own.

    `formatter` is that one: a class, its dotted path, or a formatter; the other arguments are handed to it. Without it: logging's own.
    """

    def __init__(self, *arguments: Any, formatter: Any = None, **options: Any) -> None:
        super().__init__()
        made = import_string(formatter) if isinstance(formatter, str) else formatter or logging.Formatter
        self._inner: logging.Formatter = made(*arguments, **options) if callable(made) else made

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record))
