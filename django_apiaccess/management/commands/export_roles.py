"""`manage.py export_roles`."""

from __future__ import annotations

from typing import Any

from ...roles.portable import export_roles
from ..base import AccessCommand


class Command(AccessCommand):
    """Roles to stdout."""

    name = "export_roles"
    formats = False
    help = "Prints all roles, what they give and inherit, and the separations of duty, as YAML for review in git."
    example = """
manage.py export_roles > roles.yaml
"""

    def run(self, options: dict[str, Any]) -> None:
        self.stdout.write(export_roles(), ending="")
