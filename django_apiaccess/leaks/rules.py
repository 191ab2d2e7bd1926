"""What other scanners need to find the keys of this project: one rule in each one's own form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from ..core import secrets
from .finder import OUR_PREFIXES

NAMES: Final = {"rt": "refresh token", "cs": "OAuth client secret"}


def pattern(prefix: str) -> str:
    """The form of keys with `prefix`, as a regular expression that RE2, PCRE, Hyperscan and Python read alike. Without groups."""
    length = secrets.SECRET_LENGTH + secrets.CHECK_LENGTH
    return f"{prefix}_[0-9A-Za-z]{{{secrets.ID_LENGTH}}}_[0-9A-Za-z]{{{length}}}"


def kinds(prefix: str) -> list[tuple[str, str]]:
    """Prefixes and what has them, the project's own keys first."""
    return [(prefix, "API key"), *((other, NAMES[other]) for other in OUR_PREFIXES if other != prefix)]


def gitleaks(prefix: str) -> str:
    """A gitleaks configuration (TOML), above gitleaks' own rules."""
    parts = ["# gitleaks --config this-file", "[extend]", "useDefault = true"]
    for name, kind in kinds(prefix):
        parts += [
            "",
            "[[rules]]",
            f"id = {json.dumps(_identifier(name, kind))}",
            f'description = "{kind} of django-apiaccess ({name}_...)"',
            f"regex = '''{pattern(name)}'''",
            f'keywords = ["{name}_"]',
            'tags = ["key", "django-apiaccess"]',
        ]
    return "\n".join(parts)


def trufflehog(prefix: str) -> str:
    """A trufflehog configuration (YAML) with custom detectors. Without verification: that would send what was found somewhere."""
    parts = ["# trufflehog git file://. --config this-file --results=verified,unknown,unverified", "detectors:"]
    for name, kind in kinds(prefix):
        parts += [
            f"  - name: {_identifier(name, kind)}",
            f"    keywords: ['{name}_']",
            "    regex:",
            f"      key: '{pattern(name)}'",
        ]
    return "\n".join(parts)


def github(prefix: str) -> str:
    """The fields of a custom pattern of GitHub's secret scanning, which its partner programme asks for too."""
    parts = []
    for name, kind in kinds(prefix):
        parts += [
            f"Pattern name: {_identifier(name, kind)}",
            f"Secret format: {pattern(name)}",
            r"Before secret: \A|[^0-9A-Za-z]",
            r"After secret: \z|[^0-9A-Za-z]",
            f"Test string: {_sample(name)}",
            "",
        ]
    return "\n".join(parts).rstrip()


def _identifier(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind.lower().replace(' ', '-')}"


def _sample(prefix: str) -> str:
    """A text with a right checksum that was never a key: its secret is zeros."""
    body = f"{prefix}_{'0' * secrets.ID_LENGTH}_{'0' * secrets.SECRET_LENGTH}"
    return body + secrets.checksum(body)


FORMATS: Final[dict[str, Callable[[str], str]]] = {"gitleaks": gitleaks, "trufflehog": trufflehog, "github": github}
