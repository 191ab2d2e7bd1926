"""Client secrets that somebody found where they should not be: they end, at once or soon, and the client's owner is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ... import notifications
from ...conf import access_settings
from ...core import digests, secrets
from ...core.durations import humanise
from ...core.leaks import Judged, Report
from ...events.record import changed
from ...events.tags import Action
from .client_secrets import PREFIX, RIGHT
from .models import ClientSecret

HAPPENED: Final = "It {when}. Run rotate_client_secret for the client, and put the new secret into the program."


def judge(texts: Sequence[str]) -> Mapping[str, Judged]:
    """What texts of the form of our client secrets are."""
    ids = {text: key.id for text in texts if (key := secrets.split(text, PREFIX)) is not None}
    rows = {row.public_id: row for row in ClientSecret.objects.filter(public_id__in=list(ids.values()))}
    found = {}
    for text, public_id in ids.items():
        row = rows.get(public_id)
        if row is None:
            digests.verify_nothing(text, access_settings.PEPPERS)
            found[text] = Judged(False)
            continue
        verdict = digests.verify(text, row.digest, access_settings.PEPPERS)
        if verdict in RIGHT:
            found[text] = Judged(True, lambda report, pk=row.pk: respond(pk, report))  # type: ignore[misc]
        else:
            found[text] = Judged(None if verdict is digests.Verdict.UNVERIFIABLE else False)
    return found


def respond(pk: int, report: Report) -> None:
    """Let the secret end, now where the setting says `revoke`, else after `RETIRE_AFTER`; and tell the owner: once.

    A secret is not left open: unlike a key's, its owner can have a new one without a new client.
    """
    at_once = access_settings.LEAKS["ON_LEAK"] == "revoke"
    length = access_settings.LEAKS["RETIRE_AFTER"]
    until = timezone.now() if at_once else timezone.now() + length
    with transaction.atomic():
        later = Q(expires_at=None) | Q(expires_at__gt=until)
        if not ClientSecret.objects.filter(later, pk=pk).update(expires_at=until):
            return
        client = ClientSecret.objects.select_related("client__owner").get(pk=pk).client
        facts = {"reporter": report.reporter, "source": report.source, "url": report.url, "kind": "client secret"}
        changed(Action.CREDENTIAL_LEAKED, client, by=report.by, **{name: fact for name, fact in facts.items() if fact})
        if client.owner is not None:
            when = "was ended" if at_once else f"ends in {humanise(length)}"
            context = {
                "what": f'secret of the OAuth client "{client.name}"',
                "happened": HAPPENED.format(when=when),
                "reporter": report.reporter,
                "url": report.url,
            }
            notifications.notify(client.owner, "credential_leaked", context)
