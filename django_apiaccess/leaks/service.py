"""Texts that somebody reports as leaked: which of them are credentials of ours, and what follows.

Whoever can show a credential's text may end it. Each text is proven by its digest or its signature first; a text that only looks like
one, with the public id of a real one, ends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from django.apps import apps
from django.db import Error
from django.utils.module_loading import import_string

from ..conf import access_settings
from ..core import secrets
from ..core.leaks import Judged, Report

logger: Final = logging.getLogger("django_apiaccess")
MAX_TEXT: Final = 8192
KEYS: Final = "django_apiaccess.keys.leaks.judge"
REFRESH_TOKENS: Final = "django_apiaccess.tokens.leaks.judge_refresh_tokens"
ACCESS_TOKENS: Final = "django_apiaccess.tokens.leaks.judge_access_tokens"
CLIENT_SECRETS: Final = "django_apiaccess.contrib.oauth.leaks.judge"
NOTHING: Final = Judged(False)


def judge(texts: Iterable[str]) -> dict[str, Judged]:
    """What each text is. How much work that is depends on the forms of the texts, not on what they open."""
    found = dict.fromkeys(texts, NOTHING)
    kinds: dict[str, list[str]] = {}
    for text in found:
        judge_of = _judge_of(text)
        if judge_of:
            kinds.setdefault(judge_of, []).append(text)
    for judge_of, alike in kinds.items():
        known: Mapping[str, Judged] = import_string(judge_of)(alike)
        found.update(known)
    return found


def respond(judged: Iterable[Judged], report: Report) -> None:
    """Do what the policies say with what proved to be ours. See `respond_each`."""
    respond_each((one, report) for one in judged)


def respond_each(reported: Iterable[tuple[Judged, Report]]) -> None:
    """As `respond`, each with its own report. Where the database fails for one, the others are done all the same; then it raises."""
    failed: Error | None = None
    for one, report in reported:
        if one.respond is None:
            continue
        try:
            one.respond(report)
        except Error as error:
            logger.exception("A credential that leaked could not be ended")
            failed = error
    if failed is not None:
        raise failed


def _judge_of(text: str) -> str:
    """By its form, which module knows a text; empty: none."""
    if len(text) > MAX_TEXT:
        return ""
    if text.startswith("eyJ"):
        return ACCESS_TOKENS if text.isascii() and text.count(".") == 2 else ""
    return next((judge_of for prefix, judge_of in _kinds() if secrets.split(text, prefix) is not None), "")


def _kinds() -> Iterator[tuple[str, str]]:
    yield access_settings.KEY_PREFIX, KEYS
    yield "rt", REFRESH_TOKENS
    if apps.is_installed("django_apiaccess.contrib.oauth"):
        yield "cs", CLIENT_SECRETS
