"""Installed packages with holes that are known and fixed, by the table in advisories.json. It is as old as this package: see its date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ...audit.finding import Finding, Severity, Subject
from ...audit.rules import rule
from ...audit.run import Audit
from .versions import Version

FILE: Final = Path(__file__).with_name("advisories.json")
OLD: Final = timedelta(days=180)
MOST: Final = 3
"""Advisories that a message names; the evidence has them all."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One hole: in which versions (from, below), how bad, and what it is in a sentence."""

    package: str
    id: str
    affected: tuple[tuple[Version, Version], ...]
    severity: Severity
    summary: str

    def fixed_for(self, installed: Version) -> Version | None:
        """The version that mends it, where `installed` has the hole."""
        return next((fixed for since, fixed in self.affected if since <= installed < fixed), None)


@dataclass(frozen=True, slots=True)
class Table:
    """All that the file knows."""

    made: date
    advisories: tuple[Advisory, ...]
    supported_until: dict[str, dict[str, date]]


@lru_cache(maxsize=1)
def table() -> Table:
    """The file, read once a process."""
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    advisories = tuple(
        Advisory(
            entry["package"],
            entry["id"],
            tuple((Version(since), Version(fixed)) for since, fixed in entry["affected"]),
            Severity.named(entry["severity"]),
            entry["summary"],
        )
        for entry in data["advisories"]
    )
    supported = {
        package: {line: date.fromisoformat(day) for line, day in lines.items()}
        for package, lines in data["supported_until"].items()
    }
    return Table(date.fromisoformat(data["date"]), advisories, supported)


def installed(package: str) -> Version | None:
    """The version of a package that is installed; None where there is none, or one that cannot be compared."""
    try:
        return Version(metadata.version(package))
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _subject(package: str, version: Version) -> Subject:
    return Subject("package", package, f"{package} {version.text}")


def _upgrade(package: str, least: Version) -> str:
    return f'pip install "{package}>={least.text}"'


@rule(
    "dependencies.known-hole",
    Severity.HIGH,
    title="Installed packages with known holes",
    why="The holes are published, with what it takes to use them. A newer version is mended.",
    fix='pip install --upgrade "PACKAGE"',
    references=("ASVS 15.2.1", "CWE-1395", "CWE-937"),
)
def known_hole(audit: Audit) -> Iterator[Finding]:
    by_package: dict[str, list[Advisory]] = {}
    for advisory in table().advisories:
        by_package.setdefault(advisory.package, []).append(advisory)
    for package, advisories in by_package.items():
        version = installed(package)
        open_ones = [(each, fixed) for each in advisories if version and (fixed := each.fixed_for(version))]
        if version is None or not open_ones:
            continue
        open_ones.sort(key=lambda pair: -pair[0].severity)
        named = "; ".join(f"{each.id}: {each.summary.rstrip('.')}" for each, _fixed in open_ones[:MOST])
        more = f"; and {len(open_ones) - MOST} more" if len(open_ones) > MOST else ""
        yield audit.found(
            _subject(package, version),
            f"{named}{more}",
            severity=open_ones[0][0].severity,
            fix=_upgrade(package, max(fixed for _each, fixed in open_ones)),
            aspect=",".join(sorted(each.id for each, _fixed in open_ones)),
            advisories=[each.id for each, _fixed in open_ones],
        )


@rule(
    "dependencies.unsupported",
    Severity.HIGH,
    title="A release line that gets no security fixes any more",
    why="Holes that are found from now on stay open.",
    fix='pip install --upgrade "Django"',
    references=("ASVS 15.1.1", "ASVS 15.2.1", "CWE-1104"),
)
def unsupported(audit: Audit) -> Iterator[Finding]:
    today = audit.now.date()
    for package, lines in table().supported_until.items():
        version = installed(package)
        if version is None:
            continue
        supported = [line for line, until in lines.items() if until >= today]
        ended = lines.get(version.line)
        older = ended is None and all(version < Version(line) for line in lines)
        if (ended is not None and ended < today) or older:
            since = f"since {ended}" if ended else "for years"
            best = min(supported, key=Version, default="")
            fix = f'pip install "{package}~={best}.0"' if best else ""
            yield audit.found(_subject(package, version), f"{version.line} gets no fixes {since}", fix=fix)


@rule(
    "dependencies.old-table",
    Severity.INFO,
    title="The list of known holes is old",
    why="What was found since then is not looked for. A scanner with a live database (pip-audit) goes on from here.",
    fix="pip install --upgrade django-apiaccess; pip install pip-audit; pip-audit",
    references=("ASVS 15.2.1",),
)
def old_table(audit: Audit) -> Iterator[Finding]:
    age = audit.now.date() - table().made
    if age > OLD:
        yield audit.found(Subject("package", "django-apiaccess"), f"is of {table().made}, {age.days} days ago")
