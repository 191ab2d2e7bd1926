"""Outcomes of access tests as JUnit XML, the form that CI services read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ..access.expectations import Outcome


def junit(outcomes: Sequence[Outcome], source: str) -> str:
    """One test suite, one test case an expectation."""
    failed = sum(not outcome.passed for outcome in outcomes)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name="access" tests="{len(outcomes)}" failures="{failed}" errors="0" skipped="0">',
    ]
    for outcome in outcomes:
        case = (
            f'<testcase classname={_attribute(source)} name={_attribute(outcome.case.title)} line="{outcome.case.line}"'
        )
        if outcome.passed:
            lines.append(f"{case}/>")
        else:
            said = escape(_plain("\n".join(outcome.lines())))
            lines.append(f"{case}><failure message={_attribute(f'got {outcome.got}')}>{said}</failure></testcase>")
    return "\n".join([*lines, "</testsuite></testsuites>"])


def _attribute(text: str) -> str:
    return quoteattr(_plain(text))


def _plain(text: str) -> str:
    """Without the characters that XML 1.0 section 2.2 forbids."""
    return "".join(char if char in "\t\n\r" or " " <= char <= "\ud7ff" or char > "\udfff" else "?" for char in text)
