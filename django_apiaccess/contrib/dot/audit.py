"""The audit's rule about a move from django-oauth-toolkit that is not finished. Nothing of that package is imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ...audit.finding import Finding, Severity, Subject
from ...audit.rules import rule
from ...audit.run import Audit
from ...conf import access_settings

FAR: Final = timedelta(days=90)


@rule(
    "oauth.dot-accepted",
    Severity.LOW,
    title="Access tokens of django-oauth-toolkit are still accepted",
    why="They are kept in the clear by that package, know no sessions and no step-up, and end only by the clock. The move is meant to end.",
    fix="Take API_ACCESS['DOT'] out of the settings once the last token of django-oauth-toolkit is dead.",
    references=("RFC 9700 section 4.12", "ASVS 13.3.1"),
)
def dot_accepted(audit: Audit) -> Iterator[Finding]:
    if not access_settings.DOT:
        return
    from .options import read  # brings more along than a project without that package has

    subject = Subject("setting", 'API_ACCESS["DOT"]')
    try:
        until = read(access_settings.DOT).accept_until
    except ValueError as problem:
        yield audit.found(subject, f"cannot be read: {problem}", severity=Severity.MEDIUM)
        return
    severity = Severity.MEDIUM if until > audit.now + FAR else Severity.LOW
    over = until <= audit.now
    message = (
        f"has ended on {until:%Y-%m-%d}, and is still there" if over else f"accepts its tokens until {until:%Y-%m-%d}"
    )
    yield audit.found(subject, message, severity=severity)
