"""`manage.py leak_rule`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...conf import access_settings
from ...leaks.rules import FORMATS
from ..base import AccessCommand


class Command(AccessCommand):
    """Print the rule by which another scanner finds our keys."""

    name = "leak_rule"
    help = (
        "Prints what another secret scanner needs to find this project's API keys, refresh tokens and client secrets: a configuration of "
        "gitleaks (TOML) or trufflehog (YAML), or the fields of a custom pattern of GitHub, which its partner programme asks for too."
    )
    example = """
manage.py leak_rule --format gitleaks > .gitleaks.toml
manage.py leak_rule --format trufflehog > trufflehog.yaml
manage.py leak_rule --format github
"""
    formats = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="For which scanner.")

    def run(self, options: dict[str, Any]) -> None:
        self.stdout.write(FORMATS[options["format"]](access_settings.KEY_PREFIX))
