"""`manage.py revoke_tokens`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...exceptions import UnknownName
from ...roles import names
from ...tokens import ending
from ...tokens.models import TokenSession
from ...tokens.querysets import TokenSessionQuerySet
from ..base import AccessCommand
from ..output import Column, count
from ..progress import progress

COLUMNS = (
    Column("id", whole=True),
    Column("user"),
    Column("client_id", "client"),
    Column("device"),
    Column("last_used_at", "last used"),
    Column("result"),
)
SUGGESTED = 1000


class Command(AccessCommand):
    """End token sessions."""

    name = "revoke_tokens"
    help = (
        "Ends token sessions, from the next request on: their refresh tokens, and the access tokens that were made with them. "
        "Whoever is logged in there has to log in again. API keys and Django sessions go on."
    )
    example = """
manage.py revoke_tokens --user ann --reason "Lost her laptop"
manage.py revoke_tokens --session OleTbtjHxxTimPQEspG55M --reason "Unknown device"
manage.py revoke_tokens --all --reason "Backup was stolen" --dry-run
"""
    requires_system_checks = []  # in an emergency no warning about something else may stand in the way

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--user", metavar="U", help="User name of the person whose sessions end.")
        choice.add_argument(
            "--session", metavar="ID", help="One session: the id that sessions/ and the token's sid show."
        )
        choice.add_argument("--client", metavar="C", help="Every session that was begun with this client_id.")
        choice.add_argument("--all", action="store_true", help="Every session of everybody.")
        parser.add_argument(
            "--reason", required=True, metavar="TEXT", help="Why: kept with the session and in the events."
        )
        parser.add_argument("--dry-run", action="store_true", help="Show which sessions would end, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        if not options["reason"].strip():
            raise CommandError("--reason: say why, for those who ask later.")
        sessions = chosen(options)
        rows = [row(session, options) for session in sessions.select_related("user").order_by("pk")]
        if rows or options["format"] == "json":
            self.print_rows(COLUMNS, rows, options)
        if options["dry_run"]:
            self.note(f"{count(pending(rows), 'session')} would end. Nothing was changed.")
            return
        ended = 0
        ids = sorted(sessions.filter(revoked_at=None).values_list("pk", flat=True))
        with progress(self.stderr, "sessions ended", quiet=self.verbosity == 0) as step:
            for start in range(0, len(ids), ending.BATCH):
                batch = TokenSession.objects.filter(pk__in=ids[start : start + ending.BATCH])
                done = ending.end(batch, reason=options["reason"], by=self.actor)
                ended += done
                step(done)
        self.note(f"{count(ended, 'session')} ended.")


def chosen(options: dict[str, Any]) -> TokenSessionQuerySet:
    """The sessions that the options name. Raises `UnknownName`. One that was named by its id may have ended before."""
    sessions: TokenSessionQuerySet = TokenSession.objects.all()
    if options["session"] is not None:
        found = sessions.filter(sid=options["session"])
        if not found.exists():
            raise UnknownName(unknown("session", options["session"], "sid"))
        return found
    if options["client"] is not None:
        sessions = sessions.filter(client_id=options["client"])
        if not sessions.exists():
            raise UnknownName(unknown("client", options["client"], "client_id"))
    elif options["user"] is not None:
        sessions = sessions.filter(user=names.user(options["user"]))
    return sessions.filter(revoked_at=None)


def unknown(option: str, text: str, column: str) -> str:
    """The error for a name that no session has. A whole token is not repeated: it would end up in more logs."""
    if "." in text or text.startswith("rt_"):
        return f"--{option}: this looks like a token, and it stands in your shell's history now. Give the session's id."
    known = TokenSession.objects.order_by("-pk").values_list(column, flat=True)[:SUGGESTED]
    return f"--{option}: no session has the {column} {text!r}.{names.nearest(text, known)}"


def row(session: TokenSession, options: dict[str, Any]) -> dict[str, Any]:
    """A session as it is printed."""
    result = "would end" if options["dry_run"] else "ended"
    return {
        "id": session.sid,
        "user": session.user.get_username(),
        "client_id": session.client_id,
        "device": session.device,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "result": result if session.revoked_at is None else "had ended before",
    }


def pending(rows: list[dict[str, Any]]) -> int:
    """How many would end."""
    return sum(row["result"] == "would end" for row in rows)
