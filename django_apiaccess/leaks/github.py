"""An alert of GitHub's secret scanning: read from its body, and answered with what became of each text.

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.leaks import Judged, Report
from ..events.source import Actor, Where
from . import service
from .github_keys import is_signed, key_list

MAX_BODY: Final = 1 << 20
MAX_ALERTS: Final = 5000
MAX_TYPE: Final = 200
REPORTER: Final = "GitHub secret scanning"
LABELS: Final = {True: "true_positive", False: "false_positive"}


@dataclass(frozen=True, slots=True)
class Alert:
    """One text that GitHub found."""

    token: str = field(repr=False)
    type: str
    url: str = ""
    source: str = ""


def signature_problem(body: bytes, identifier: str, signature: str) -> str:
    """Why `body` is not an alert of GitHub's; empty: it is signed by a key of theirs. Raises `KeysUnavailable`."""
    if not identifier or not signature:
        return "it is not signed"
    key = key_list().find(identifier)
    if key is None:
        return "its key is none of GitHub's"
    return "" if is_signed(body, signature, key) else "its signature does not fit its body"


def read(body: bytes) -> list[Alert]:
    """The alerts in a verified body. Members that are not known are left alone. Raises `ValueError` that says what is wrong."""
    try:
        entries = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("The body is not JSON in UTF-8.") from None
    if not isinstance(entries, list):
        raise ValueError("The body must be a JSON array of alerts.")  # noqa: TRY004 - one error for all
    if len(entries) > MAX_ALERTS:
        raise ValueError(f"The body holds more than {MAX_ALERTS} alerts.")
    return [_alert(entry) for entry in entries]


def _alert(entry: Any) -> Alert:
    token, kind = (entry.get("token"), entry.get("type")) if isinstance(entry, dict) else (None, None)
    if not isinstance(token, str) or not isinstance(kind, str):
        raise ValueError("An alert must be an object with the texts token and type.")  # noqa: TRY004 - one error for all
    url, source = entry.get("url"), entry.get("source")
    kind = kind[:MAX_TYPE].encode("utf-8", "replace").decode()
    return Alert(token, kind, url if isinstance(url, str) else "", source if isinstance(source, str) else "")


def handle(alerts: Sequence[Alert], where: Where) -> list[dict[str, str]]:
    """End what proves to be ours, and say of each text whether it was one. Of a text that nobody can judge nothing is said.

    The feedback names texts by their SHA-256: an answer, too, may end up in a log.
    """
    judged = service.judge(alert.token for alert in alerts)
    by = Actor("system", REPORTER, where=where)
    first: dict[str, Alert] = {}
    for alert in alerts:
        first.setdefault(alert.token, alert)
    reports = {token: Report.of(REPORTER, by, source=alert.source, url=alert.url) for token, alert in first.items()}
    service.respond_each((judged[token], report) for token, report in reports.items())
    told = dict.fromkeys((alert.token, alert.type) for alert in alerts)
    return [_feedback(token, kind, judged[token]) for token, kind in told if judged[token].ours is not None]


def _feedback(token: str, kind: str, judged: Judged) -> dict[str, str]:
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    return {"token_hash": digest, "token_type": kind, "label": LABELS[bool(judged.ours)]}
