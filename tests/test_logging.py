"""What reaches a handler with `RedactSecrets` holds no credential, and every record reaches it."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import time
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http.request import HttpHeaders
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core import secrets
from django_apiaccess.logging import RedactingFormatter, RedactSecrets

BODY = "ak_Ab3dEf6hIj9k_" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
KEY = BODY + secrets.checksum(BODY)
"""The same in every process of the test run: it is in the names of tests."""
SECRET = KEY.split("_")[2]
ID = KEY.split("_")[1]


class Shown:
    """An object of the project that shows a key."""

    def __str__(self) -> str:
        return KEY

    __repr__ = __str__


class Broken:
    def __str__(self) -> str:
        raise RuntimeError(KEY)

    __repr__ = __str__


@pytest.fixture
def log() -> Any:
    """A logger, and what its handler wrote."""
    out = io.StringIO()
    logger = logging.Logger("test")  # noqa: LOG001 - one that no other test meets
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactSecrets())
    logger.addHandler(handler)
    logger.out = out  # type: ignore[attr-defined]
    return logger


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (f"key {KEY}", ()),
        ("key %s", (KEY,)),
        ("key %r", ({"a": [KEY, (KEY,)]},)),
        ("key %(a)s", ({"a": KEY, "b": KEY},)),
        ("key ak_%s_%s", (ID, SECRET)),
        ("key %s", (Shown(),)),
        ("key %s", (KEY.encode(),)),
        (Shown(), ()),
        ("%s: %s", ("Authorization", f"Token {SECRET}")),
        ("headers %s", ({"Authorization": SECRET},)),
    ],
)
def test_no_key_reaches_the_handler(log, message, arguments):
    log.warning(message, *arguments)
    assert SECRET not in log.out.getvalue()
    assert log.out.getvalue().strip()


def test_the_line_still_says_which_key_it_was(log):
    log.warning("refused %s", KEY)
    assert log.out.getvalue() == f"refused ak_{ID}_…\n"


def test_a_traceback_and_a_stack_are_redacted(log):
    try:
        raise ValueError(f"bad {KEY}") from RuntimeError(KEY)
    except ValueError:
        log.exception("failed with %s", KEY, stack_info=True)
    assert SECRET not in log.out.getvalue()
    assert "Traceback" in log.out.getvalue()
    assert f"ValueError: bad ak_{ID}_…" in log.out.getvalue()


def test_extra_is_redacted(log):
    seen: list[logging.LogRecord] = []
    log.handlers[0].emit = seen.append
    log.warning(
        "x", extra={"headers": {"Authorization": "x", "a": [KEY]}, "body": KEY, "refresh_token": "abc", "number": 7}
    )
    assert SECRET not in repr(seen[0].__dict__)
    assert (seen[0].refresh_token, seen[0].number) == ("…", 7)  # type: ignore[attr-defined]


@dataclass
class Holder:
    key: str


class Lazy:
    """As `SimpleLazyObject`: it says that it is a str."""

    __class__ = property(lambda self: str)  # type: ignore[assignment]

    def __str__(self) -> str:
        return KEY


@pytest.mark.parametrize(
    "value",
    [
        Holder(KEY), bytearray(KEY.encode()), frozenset([KEY]), MappingProxyType({"a": KEY}), HttpHeaders({"HTTP_X_API_KEY": SECRET}),
        ValueError(KEY), Shown(), Lazy(), SimpleLazyObject(lambda: KEY), deque([KEY]), RequestFactory().get(f"/{KEY}/"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_extra_of_any_type_is_redacted(log, value):
    log.handlers[0].setFormatter(logging.Formatter("%(message)s %(one)s %(other)r"))
    log.warning("x", extra={"one": value, "other": value})
    assert SECRET not in log.out.getvalue()
    assert log.out.getvalue().startswith("x ")


def test_extra_that_holds_nothing_stays_the_object_that_it_is(log):
    seen: list[logging.LogRecord] = []
    log.handlers[0].emit = seen.append
    kept = {"request": RequestFactory().get("/x/"), "number": Decimal(7), "who": get_user_model()(username="ann")}
    log.warning("x", extra=kept)
    assert all(seen[0].__dict__[name] is value for name, value in kept.items())


@pytest.mark.django_db
def test_a_queryset_in_extra_is_not_run(log, django_assert_num_queries):
    with django_assert_num_queries(0):
        log.warning("x", extra={"found": get_user_model().objects.all()})


@pytest.mark.parametrize(("message", "arguments"), [("%s", (Broken(),)), ("count %d", ("x",)), (Broken(), ())])
def test_what_else_a_broken_message_brings_is_redacted_too(log, message, arguments, capsys):
    log.handlers[0].setFormatter(logging.Formatter("%(message)s %(hdr)s %(authorization)s %(bad)s"))
    try:
        raise ValueError(KEY)
    except ValueError:
        extra = {"hdr": KEY, "authorization": SECRET, "bad": Broken()}
        log.exception(message, *arguments, extra=extra, stack_info=True)
    printed = capsys.readouterr()
    assert SECRET not in log.out.getvalue() + printed.err
    assert log.out.getvalue().startswith(f"(a message that could not be redacted) ak_{ID}_… … …\n")
    assert f"ValueError: ak_{ID}_…" in log.out.getvalue()


def test_a_traceback_that_cannot_be_shown_takes_nothing_else_with_it(log, monkeypatch):
    monkeypatch.setattr("django_apiaccess.logging.traceback.format_exception", lambda *_args: 1 / 0)
    try:
        raise ValueError(KEY)
    except ValueError:
        log.exception("x %s", KEY)
    assert log.out.getvalue() == f"x ak_{ID}_…\n(a traceback that could not be redacted)\n"


def test_a_formatter_of_json_gets_a_record_that_is_redacted_and_leaves_it_to_others_as_it_was():
    body = json.dumps({"Authorization": f"Token {SECRET}", "mfa_token": "mfa-value"})
    record = logging.LogRecord("x", 20, "", 0, "%s %s", (body, {"Authorization": SECRET}), None)
    text = RedactingFormatter(formatter=MessageFormatter()).format(record)
    assert SECRET not in text
    assert "mfa-value" not in text
    assert json.loads(text)["message"]
    assert record.args == (body, {"Authorization": SECRET})


def test_a_formatter_that_fails_shows_nothing_of_the_record(capsys):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter(formatter=JSONFormatter()))  # it wants a traceback
    handler.handle(logging.LogRecord("x", 20, "", 0, KEY, (), None))
    assert SECRET not in out.getvalue() + capsys.readouterr().err
    assert out.getvalue() == "(a message that could not be redacted)\n"


class MessageFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"message": record.getMessage()})


def test_arguments_stay_where_nothing_is_in_them(log):
    seen: list[logging.LogRecord] = []
    log.handlers[0].emit = seen.append
    log.warning("%s of %d", "one", 7)
    assert (seen[0].msg, seen[0].args) == ("%s of %d", ("one", 7))


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("%s", (Broken(),)), ("%d", (KEY,)), ("%s %s", (KEY,)), (Broken(), ()), (f"%z {KEY}", (1,))],
)
def test_it_never_raises_and_shows_no_key_where_a_message_is_broken(log, message, arguments, capsys):
    log.warning(message, *arguments)
    printed = capsys.readouterr()
    assert SECRET not in log.out.getvalue() + printed.err
    assert log.out.getvalue() == "(a message that could not be redacted)\n"


@given(st.lists(st.one_of(st.text(max_size=10), st.just(KEY), st.integers()), max_size=4), st.integers(1, len(KEY)))
def test_a_key_that_comes_together_from_parts_is_redacted(parts: list[Any], cut: int) -> None:
    record = logging.LogRecord("x", 20, "", 0, "%s%s" + "%s" * len(parts), (KEY[:cut], KEY[cut:], *parts), None)
    assert RedactSecrets().filter(record) is True
    assert SECRET not in record.getMessage()


def test_the_snippet_of_the_documentation_works_with_djangos_logging(capsys):
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "django_apiaccess.logging.RedactSecrets"}},
        "formatters": {
            "json": {
                "()": "django_apiaccess.logging.RedactingFormatter",
                "formatter": "tests.test_logging.JSONFormatter",
            },
            "line": {"()": "django_apiaccess.logging.RedactingFormatter", "fmt": "%(levelname)s %(message)s"},
        },
        "handlers": {
            "json": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"},
            "line": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stdout",
                "filters": ["redact"],
            },
        },
        "loggers": {"tests.redaction": {"handlers": ["json", "line"], "propagate": False}},
    }
    logging.config.dictConfig(config)
    try:
        raise ValueError(KEY)
    except ValueError:
        logging.getLogger("tests.redaction").exception("x %s", KEY)
    out = capsys.readouterr().out
    assert SECRET not in out
    assert json.loads(out.splitlines()[0])["message"] == f"x ak_{ID}_…"
    assert f"ERROR x ak_{ID}_…" in out


class JSONFormatter(logging.Formatter):
    """As packages make it: with a traceback of its own."""

    def format(self, record: logging.LogRecord) -> str:
        assert record.exc_info is not None
        return json.dumps(
            {"message": record.getMessage(), "exc": self.formatException(record.exc_info)}, ensure_ascii=False
        )


def test_a_formatter_without_another_one_is_loggings_own():
    record = logging.LogRecord("x", 20, "", 0, KEY, (), None)
    assert RedactingFormatter().format(record) == f"ak_{ID}_…"
    assert RedactingFormatter(formatter=logging.Formatter("%(name)s %(message)s")).format(record) == f"x ak_{ID}_…"


def test_an_ordinary_line_costs_microseconds():
    """A bound far above what it takes (see the how-to), so that a busy machine does not fail it."""
    one = RedactSecrets()
    records = [
        logging.LogRecord("x", 20, "", 0, '"%s %s" %d', ("GET", f"/orders/{number}/", 200), None)
        for number in range(2000)
    ]
    began = time.process_time()
    for record in records:
        one.filter(record)
    assert (time.process_time() - began) / 2000 < 200e-6
