"""Where events go besides the database: each sink may fail without failing a request, and without losing what the database took.

A sink gets every event as it is committed (`take`), as the loggers do, or in sealed order with acknowledgement (`delivery`).
`EVENTS["SINKS"] = [{"BACKEND": "django_apiaccess.events.sinks.SyslogSink", "OPTIONS": {"address": "/dev/log"}}]`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import logging.handlers
import os
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from ..conf import access_settings
from ..core import outbound

logger: Final = logging.getLogger("django_apiaccess")


class Sink:
    """Base of every sink. Options are keyword arguments."""

    acknowledges: ClassVar[bool] = False
    """Whether it takes sealed events in order and says when it has them (`take_sealed`), instead of each as it is committed (`take`)."""

    @property
    def name(self) -> str:
        """Under which it is remembered how far it got. Two sinks of one class need options that differ in it."""
        return type(self).__name__

    def take(self, fields: Mapping[str, Any]) -> None:
        """One committed event, as plain data. May raise."""

    def take_sealed(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Some sealed events in order. Returning says that it has them all; raising, that it must get them again."""

    def take_checkpoint(self, line: str) -> None:
        """The signed end of the chain, as one line. Keep it where who may change the database may not change it."""

    def close(self) -> None:
        """Let go of what it holds: it is used no more."""

    def safely_take(self, fields: Mapping[str, Any]) -> None:
        """`take`, with its failure logged."""
        try:
            self.take(fields)
        except (OSError, outbound.FetchError) as error:
            logger.warning("The sink %s took nothing: %s", self.name, error)
        except Exception:  # a sink that is down must not undo what was decided
            logger.exception("The sink %s failed", self.name)

    def safely_take_checkpoint(self, line: str) -> None:
        """`take_checkpoint`, with its failure logged."""
        try:
            self.take_checkpoint(line)
        except (OSError, outbound.FetchError) as error:
            logger.warning("The sink %s did not keep a checkpoint: %s", self.name, error)
        except Exception:  # as above
            logger.exception("The sink %s failed to keep a checkpoint", self.name)


class FileSink(Sink):
    """Appends events, one JSON object a line, and checkpoints to files. With `checkpoints` alone it keeps those only."""

    def __init__(self, *, path: str = "", checkpoints: str = "") -> None:
        if not (path or checkpoints):
            raise ValueError("FileSink needs path or checkpoints in OPTIONS")
        self._path, self._checkpoints = path, checkpoints
        self._lock = threading.Lock()

    def take(self, fields: Mapping[str, Any]) -> None:
        if self._path:
            self._append(self._path, json.dumps(fields, default=str))

    def take_checkpoint(self, line: str) -> None:
        if self._checkpoints:
            self._append(self._checkpoints, line)

    def _append(self, path: str, line: str) -> None:
        """One write of one line: on a local disk, lines of several processes do not mix."""
        with self._lock:
            descriptor = os.open(Path(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, f"{line}\n".encode())
            finally:
                os.close(descriptor)


class SyslogSink(Sink):
    """Sends events and checkpoints to syslog as JSON (RFC 5424's message part)."""

    def __init__(self, *, address: Any = "/dev/log", facility: str = "authpriv") -> None:
        self._address = tuple(address) if isinstance(address, list | tuple) else address
        self._facility = logging.handlers.SysLogHandler.facility_names[facility]
        self._handler: logging.handlers.SysLogHandler | None = None

    def take(self, fields: Mapping[str, Any]) -> None:
        level = logging.INFO if fields.get("outcome") == "success" else logging.WARNING
        self._send(json.dumps(fields, default=str), level)

    def take_checkpoint(self, line: str) -> None:
        self._send(f"checkpoint {line}", logging.INFO)

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()
            self._handler = None

    def _send(self, text: str, level: int) -> None:
        if self._handler is None:
            self._handler = _Loud(self._address, self._facility)
            self._handler.ident = "django_apiaccess: "
        self._handler.emit(logging.LogRecord("django_apiaccess", level, "", 0, text, None, None))


class _Loud(logging.handlers.SysLogHandler):
    """Raises where logging's own prints to stderr, so that the failure is told once and in one place."""

    def handleError(self, record: logging.LogRecord) -> None:
        raise  # noqa: PLE0704 - logging calls it inside its except


class WebhookSink(Sink):
    """POSTs sealed events to an https URL in order, until it answers 2xx: at least once each. Checkpoints go along with them.

    `secret` signs the body: `X-Signature: sha256=<hex HMAC>`.
    """

    acknowledges = True

    def __init__(self, *, url: str, secret: str = "", allow_http: bool = False, allow_private: bool = False) -> None:
        self._url, self._secret = url, secret
        self._allow_http, self._allow_private = allow_http, allow_private

    @property
    def name(self) -> str:
        import hashlib

        return f"webhook:{hashlib.sha256(self._url.encode()).hexdigest()[:16]}"

    def take_sealed(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._post({"events": list(events)})

    def take_checkpoint(self, line: str) -> None:
        self._post({"checkpoint": line})

    def _post(self, data: Mapping[str, Any]) -> None:
        body = json.dumps(data, default=str).encode()
        headers = {}
        if self._secret:
            headers["X-Signature"] = f"sha256={hmac.digest(self._secret.encode(), body, hashlib.sha256).hex()}"
        answer = outbound.post(
            self._url, json_text=body, headers=headers, allow_http=self._allow_http, allow_private=self._allow_private
        )
        if not 200 <= answer.status < 300:
            raise outbound.FetchError(f"{self._url} answered {answer.status}")


@lru_cache(maxsize=1)
def sinks() -> tuple[Sink, ...]:
    """The project's sinks, made once."""
    return tuple(import_string(path)(**options) for path, options in access_settings.EVENTS_SINKS)


def forget_sinks(*, setting: str, **_kwargs: Any) -> None:
    """Make them anew next time. Connected to Django's signal for changed settings."""
    if setting == "API_ACCESS":
        for sink in sinks() if sinks.cache_info().currsize else ():
            sink.close()
        sinks.cache_clear()


setting_changed.connect(forget_sinks, dispatch_uid="django_apiaccess.sinks")
