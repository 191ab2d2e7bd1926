"""A baseline: the findings of a day that are known and worked on, so that only new ones count."""

from __future__ import annotations

import json
from pathlib import Path

from ..exceptions import InvalidChange
from .files import whole
from .run import Report


def read(path: str) -> frozenset[str]:
    """The fingerprints in the file. Raises `InvalidChange`."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return frozenset(str(item["fingerprint"]) for item in data["findings"])
    except FileNotFoundError:
        raise InvalidChange(
            f"{path} does not exist. Write it with: manage.py audit_access --write-baseline {path}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidChange(f"{path} is no baseline: {error}") from None


def write(path: str, report: Report) -> int:
    """Write what the run found, known and new. Returns how many. Raises `OSError`; the file is then as before."""
    findings = (*report.findings, *report.known)
    rows = [
        {
            "fingerprint": finding.fingerprint,
            "rule": finding.rule,
            "subject": str(finding.subject),
            "message": finding.message,
        }
        for finding in sorted(findings, key=lambda finding: (finding.rule, finding.fingerprint))
    ]
    with whole(path) as file:
        json.dump({"version": 1, "findings": rows}, file, indent=2, ensure_ascii=False)
        file.write("\n")
    return len(rows)
