"""`manage.py reset_mfa`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...login import administration
from ...mfa import overview
from ...roles import names
from ..base import AccessCommand
from ..output import count


class Command(AccessCommand):
    """Take away somebody's second factors."""

    name = "reset_mfa"
    help = (
        "Takes away all second factors, recovery codes and trusted devices of a person who lost them, and ends their sessions, "
        "Django's where they are in the database. "
        "They are notified. The password alone opens the account then, or leads to enrolment where the policy wants a factor: make sure "
        "first that you talk to the right person. API keys go on."
    )
    example = """
manage.py reset_mfa mara --reason "Lost her phone, seen in person"
manage.py reset_mfa mara --reason "Phone was stolen" --yes
"""
    requires_system_checks = []  # whoever is locked out waits for this: no warning about something else may stand in the way

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="User name of the person.")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="Why: kept in the events.")
        parser.add_argument("--yes", action="store_true", help="Do not ask before it is done.")

    def run(self, options: dict[str, Any]) -> None:
        if not options["reason"].strip():
            raise CommandError("--reason: say why, for those who ask later.")
        user = names.user(options["user"])
        if not options["yes"]:
            self._ask(user)
        done = administration.reset(user, by=self.actor, reason=options["reason"])
        told = [
            count(len(done.factors), "factor"),
            count(done.recovery_codes, "recovery code"),
            count(done.trusted_devices, "trusted device"),
        ]
        ended = [count(done.sessions, "token session")]
        if done.django_sessions is not None:
            ended.append(count(done.django_sessions, "Django session"))
        text = f"{user.get_username()}: {', '.join(told)} taken away; {' and '.join(ended)} ended."
        self.print_one({"user": user.get_username(), **asdict(done)}, text, options)
        if done.django_sessions is None:
            self.note(
                "The session engine keeps Django sessions where nobody can look for them: those of this person go on as they are. "
                "A new password ends them."
            )

    def _ask(self, user: Any) -> None:
        """Show what would go, and wait for a yes. Raises `CommandError` without one, and where nobody can be asked."""
        if not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: add --yes.")
        owner = overview.owners([user.pk])[user.pk]
        names_of = ", ".join(f"{factor.type} {factor.name!r}" for factor in owner.factors) or "no factor"
        self.note(
            f"{user.get_username()} has {names_of} and {count(owner.recovery_codes, 'recovery code')}. All sessions end too."
        )
        self.stderr.write("Take them away? [y/N] ", ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")
