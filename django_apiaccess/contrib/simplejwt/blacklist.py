"""The blacklist of simplejwt, taken over: ids, users and ends, never a token.

All that was blacklisted of one user hangs on one session of theirs that has ended. What is presented of it is refused like every token of
an ended session, and its rows go when no old token can be alive any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone

from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from ...keys.importers.source import foreign_model, user_column
from ...roles.generations import bump
from ...roles.models import Generation
from ...tokens.models import RefreshToken, TokenSession
from .exchange import FIRST, blacklist_of, blacklist_sid, stored, token_id

BATCH: Final = 1000
CLIENT: Final = "simplejwt"
REASON: Final = "blacklisted by simplejwt"
NEVER: Final = datetime.fromtimestamp(0, UTC)
"""`auth_time` of a blacklist that ends no more than the tokens that are on it."""
OUTSTANDING: Final = "token_blacklist_outstandingtoken"
BLACKLISTED: Final = "token_blacklist_blacklistedtoken"


@dataclass(slots=True)
class Report:
    """What an import did, in rows of the blacklist."""

    read: int = 0
    imported: int = 0
    already: int = 0
    expired: int = 0
    without_user: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One blacklisted token."""

    user_id: Any
    public_id: str
    digest: str = field(repr=False)
    expires_at: datetime


class Import:
    """One run over the tables of `rest_framework_simplejwt.token_blacklist`, which need not be installed any more.

    Raises `InvalidChange` before anything is read when the tables are not there.
    """

    def __init__(self, *, by: Actor, using: str = "default", dry_run: bool = False) -> None:
        self.by, self.using, self.dry_run, self.report = by, using, dry_run, Report()
        outstanding: dict[str, models.Field[Any, Any]] = {
            "id": models.BigAutoField(primary_key=True),
            "jti": models.CharField(max_length=255),
            "user_id": user_column(),
            "expires_at": models.DateTimeField(),
        }
        listed: dict[str, models.Field[Any, Any]] = {
            "id": models.BigAutoField(primary_key=True),
            "token_id": models.BigIntegerField(),
        }
        model = "token_blacklist.BlacklistedToken"
        self.outstanding = foreign_model(OUTSTANDING, outstanding, using, model)._base_manager.using(using)
        self.listed = foreign_model(BLACKLISTED, listed, using, model)._base_manager.using(using)

    def count(self) -> int:
        """How many rows there are."""
        return int(self.listed.count())

    def run(self, size: int = BATCH) -> Iterator[int]:
        """Do it, each batch in a transaction of its own; gives the number of rows after each."""
        last = 0
        while True:
            rows = list(self.listed.filter(pk__gt=last).order_by("pk").values_list("pk", "token_id")[:size])
            if not rows:
                return
            last = rows[-1][0]
            self.report.read += len(rows)
            self._take([token for _pk, token in rows])
            yield len(rows)

    def _take(self, ids: list[int]) -> None:
        now = timezone.now()
        found = list(self.outstanding.filter(pk__in=ids).values_list("jti", "user_id", "expires_at"))
        users = set(
            get_user_model()._base_manager.filter(pk__in={row[1] for row in found}).values_list("pk", flat=True)
        )
        entries = []
        for jti, user_id, expires_at in found:
            if expires_at <= now:
                self.report.expired += 1
            elif user_id not in users:  # a token without its user opens nothing
                self.report.without_user += 1
            else:
                entries.append(Entry(user_id, token_id(jti), stored(jti), expires_at))
        listed = [entry.public_id for entry in entries]
        known = set(RefreshToken.objects.filter(public_id__in=listed).values_list("public_id", flat=True))
        fresh = [entry for entry in entries if entry.public_id not in known]
        self.report.already += len(entries) - len(fresh)
        self.report.imported += len(fresh)
        if fresh and not self.dry_run:
            save(fresh, by=self.by)


def add(user: Any, jti: str, *, expires_at: datetime, by: Actor) -> bool:
    """Blacklist one old token; False when it was exchanged or blacklisted before."""
    try:
        return bool(save([Entry(user.pk, token_id(jti), stored(jti), expires_at)], by=by))
    except IntegrityError:  # an exchange came at the same moment
        return False


def end_all(user: Any, *, expires_at: datetime, by: Actor) -> None:
    """End every old token of a user that was issued up to now, felt at the next request."""
    with transaction.atomic(using=router.db_for_write(TokenSession)):
        bump(Generation.CREDENTIALS)
        session = _ended_sessions([Entry(user.pk, "", "", expires_at)], by)[user.pk]
        blacklist_of(user.pk).update(auth_time=timezone.now())
        changed(Action.SESSION_ENDED, session, by=by, reason="all tokens of simplejwt ended", sid=session.sid)


def save(entries: list[Entry], *, by: Actor) -> int:
    """Write the rows of tokens that are not there yet. Returns how many are new."""
    with transaction.atomic(using=router.db_for_write(RefreshToken)):
        bump(Generation.CREDENTIALS)  # also the lock: two that blacklist the same token do it one after the other
        listed = [entry.public_id for entry in entries]
        known = set(RefreshToken.objects.filter(public_id__in=listed).values_list("public_id", flat=True))
        fresh = [entry for entry in entries if entry.public_id not in known]
        sessions = _ended_sessions(fresh, by)
        RefreshToken.objects.bulk_create(
            [
                RefreshToken(
                    session=sessions[entry.user_id],
                    public_id=entry.public_id,
                    digest=entry.digest,
                    generation=FIRST,
                    used_at=timezone.now(),
                )
                for entry in fresh
            ],
            batch_size=BATCH,
        )
    return len(fresh)


def _ended_sessions(entries: list[Entry], by: Actor) -> dict[Any, TokenSession]:
    """The ended session of each user that their blacklisted tokens hang on, as long-lived as the last of them."""
    ends: dict[Any, datetime] = {}
    for entry in entries:
        ends[entry.user_id] = max(entry.expires_at, ends.get(entry.user_id, entry.expires_at))
    sids = {user_id: blacklist_sid(user_id) for user_id in ends}
    there = {session.sid: session for session in TokenSession.objects.filter(sid__in=sids.values())}
    found: dict[Any, TokenSession] = {}
    now = timezone.now()
    for user_id, end in ends.items():
        session = there.get(sids[user_id])
        if session is None:
            session = TokenSession.objects.create(
                sid=sids[user_id],
                user_id=user_id,
                client_id=CLIENT,
                auth_time=NEVER,
                device=CLIENT,
                expires_at=end,
                revoked_at=now,
                revoked_reason=REASON,
            )
            changed(Action.SESSION_ENDED, session, by=by, reason=REASON, sid=session.sid)
        elif session.expires_at < end:
            TokenSession.objects.filter(pk=session.pk).update(expires_at=end)
        found[user_id] = session
    return found
