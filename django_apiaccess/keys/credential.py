"""The API key as a credential: from a header's text to an `Access`, with the true reason when not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from django.utils import timezone

from ..authn.kinds import Client, Presented
from ..authn.possession import confirm
from ..conf import access_settings
from ..core import digests, secrets
from ..core.access import Access, CredentialRef
from ..core.addresses import contains, parse_address, parse_networks
from ..core.origins import parse_origins
from ..core.reasons import Reason
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidCredential
from . import legacy
from .lookup import KeyRow, load, memory
from .models import APIKey, APIKeySecret
from .scope_use import note_use
from .usage import usage

KIND = "api_key"


class APIKeyKind:
    """Keys of ours, and imported ones that still work with the text that another package made."""

    name = KIND
    challenge = 'Api-Key realm="api"'

    def recognises(self, presented: Presented) -> bool:
        if presented.scheme == "api-key" or presented.value.startswith(f"{access_settings.KEY_PREFIX}_"):
            return True
        return bool(legacy.public_ids(presented.scheme, presented.value))

    def authenticate(self, presented: Presented, client: Client) -> Access:
        row = self.verify(presented)
        now = timezone.now()
        check_restrictions(row, client, now)
        confirm(
            presented,
            client,
            row.dpop_jkt,
            kind=KIND,
            credential_id=str(row.key_id),
            credential_label=row.name,
            principal_id=row.principal_id,
        )
        access = access_of_row(row, now, uses=partial(note_use, row.key_id))
        usage.record(row.key_id, row.secret_id, client.address, now)
        return access

    def verify(self, presented: Presented) -> KeyRow:
        """The row of the key whose secret was presented. A text that is no key is refused without any query."""
        row = memory.recall(presented.value)
        if row is None:
            asked_at = time.monotonic()
            row = self._verify(presented)
            memory.keep(presented.value, row, asked_at)
        return row

    @staticmethod
    def _verify(presented: Presented) -> KeyRow:
        row = found_row(presented, ids_in(presented))
        if check_secret(row, presented.value) is digests.Verdict.MATCH_OUTDATED:
            upgrade(row, presented.value, access_settings.PEPPERS)
        return row


def ids_in(presented: Presented) -> tuple[str, ...]:
    """The public ids that the text may have: one in a key of ours, whose checksum is right. No query. Raises `InvalidCredential`."""
    text = presented.value
    if len(text) > secrets.MAX_LENGTH:
        raise InvalidCredential(Reason.MALFORMED, kind=KIND)
    key = secrets.split(text, access_settings.KEY_PREFIX)
    ids = (key.id,) if key is not None else legacy.public_ids(presented.scheme, text)
    if not ids:
        raise InvalidCredential(Reason.CHECKSUM, "the form or the checksum is not that of a key", kind=KIND)
    return ids


def found_row(presented: Presented, ids: tuple[str, ...]) -> KeyRow:
    """The row with one of `ids`. Raises `InvalidCredential`, after the work of a digest."""
    row = next((found for found in map(load, ids) if found is not None), None)
    if row is None:
        digests.verify_nothing(presented.value, access_settings.PEPPERS)
        ours = secrets.split(presented.value, access_settings.KEY_PREFIX) is not None
        raise InvalidCredential(Reason.UNKNOWN, kind=KIND, credential_label=ids[0], foreign=not ours)
    return row


def check_secret(row: KeyRow, text: str) -> digests.Verdict:
    """`MATCH`, or `MATCH_OUTDATED` where an older pepper proved it right. Raises `InvalidCredential`. Writes nothing."""
    verdict = digests.verify(text, row.digest, access_settings.PEPPERS)
    if verdict is digests.Verdict.WRONG:
        raise refusal(row, Reason.WRONG_SECRET)
    if verdict is digests.Verdict.UNVERIFIABLE:
        raise refusal(row, Reason.PEPPER_MISSING, "its digest was made with a pepper or format that is not known here")
    return verdict


def upgrade(row: KeyRow, text: str, peppers: tuple[str, ...]) -> None:
    """Store today's digest of a secret that just proved right under an older one."""
    stored = APIKeySecret.objects.filter(pk=row.secret_id, digest=row.digest)
    if stored.update(digest=digests.make(text, peppers)):
        target = APIKey(pk=row.key_id, name=row.name)
        changed(Action.KEY_UPGRADED, target, by=Actor.system(), before=row.digest.partition("$")[0])


def refusal(row: KeyRow, reason: Reason, detail: str = "") -> InvalidCredential:
    """The error for a key that was found."""
    return InvalidCredential(
        reason,
        detail,
        kind=KIND,
        credential_id=str(row.key_id),
        credential_label=row.name,
        principal_id=row.principal_id,
    )


def check_restrictions(row: KeyRow, client: Client, now: datetime) -> None:
    """Raise the first reason why a rightly presented key may not be used now, from here. Never remembered: asked at every use."""
    for reason, detail in restrictions(row, client, now):
        raise refusal(row, reason, detail)


def restrictions(row: KeyRow, client: Client, now: datetime) -> Iterator[tuple[Reason, str]]:
    """Every reason why the key may not be used now, from here, the most lasting first."""
    if row.revoked_at is not None:
        yield Reason.REVOKED, ""
    if row.expires_at is not None and row.expires_at <= now:
        yield Reason.EXPIRED, ""
    if row.secret_expires_at is not None and row.secret_expires_at <= now:
        yield Reason.SECRET_RETIRED, "this secret was replaced by a rotation"
    if not row.is_active:
        yield Reason.PRINCIPAL_INACTIVE, ""
    if row.networks:
        address = parse_address(client.address or "")
        if address is None or not contains(parse_networks(row.networks), address):
            yield Reason.NETWORK, f"used from {client.address or 'an unknown address'}"
    if row.origins and client.origin.lower() not in parse_origins(row.origins):
        yield Reason.ORIGIN, "used from another origin" if client.origin else "no Origin header"


def access_of_row(row: KeyRow, now: datetime, *, uses: Callable[[str], None] | None = None) -> Access:
    """Granted ∩ held, from the row alone: no query unless the policy changed. `uses` is told of the scopes that a yes rested on."""
    ends = [end for end in (row.expires_at, row.secret_expires_at) if end is not None]
    credential = CredentialRef(KIND, str(row.key_id), row.name, row.secret_id)
    return row.access(
        credential,
        granted=row.scopes,
        now=now,
        expires_at=min(ends, default=None),
        rate=row.rate,
        dpop_jkt=row.dpop_jkt,
        uses=uses,
    )
