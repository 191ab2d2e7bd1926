"""Importing: each batch in a transaction of its own, whatever is there already left as it is.

An imported secret stays in the table for good, also after it was rotated or revoked (`prune_access` spares it): so importing again never
revives a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.utils import timezone
from django.utils.text import slugify

from ...conf import access_settings
from ...core import scopes as core_scopes
from ...events.record import changed_many
from ...events.source import Actor
from ...events.tags import Action
from ...exceptions import InvalidChange, NotHeld
from ...roles import names
from ...roles import service as roles
from ...roles.generations import bump
from ...roles.models import Generation
from ...roles.rights import held_by
from .. import service
from ..approvals.policy import active as approvals_active
from ..approvals.policy import unguarded
from ..models import APIKey, APIKeySecret, ServiceAccount
from .source import ForeignKeyText, Source, Unusable

BATCH: Final = 500
EXAMPLES: Final = 5
REVOKED: Final = "Revoked before it was imported"
PURPOSE: Final = "Imported API keys"


@dataclass(slots=True)
class Report:
    """What an import did. `skipped`: reason to how many, `examples`: reason to the first few."""

    read: int = 0
    imported: int = 0
    already: int = 0
    revoked: int = 0
    expired: int = 0
    narrowed: int = 0
    service_accounts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, label: str, reason: str) -> None:
        """Count a row that was not taken over."""
        self.skipped[reason] += 1
        found = self.examples.setdefault(reason, [])
        if len(found) < EXAMPLES:
            found.append(label)


class Import:
    """One run: whose the keys become, and what they may be used for.

    `scopes` None: all that the principal holds at the import. Keys without a user go to `principal`, or each to a service account
    of its own name that `owner` answers for and that is granted `scopes`. Raises `InvalidChange` before anything is read.
    """

    def __init__(
        self,
        source: Source,
        *,
        by: Actor,
        scopes: Iterable[str] | None,
        principal: Any = None,
        owner: Any = None,
        expires_at: datetime | None = None,
        dry_run: bool = False,
    ) -> None:
        self.source, self.by, self.principal, self.owner = source, by, principal, owner
        self.scopes = None if scopes is None else names.scope_names(scopes, field="scopes")
        self.expires_at, self.dry_run = expires_at, dry_run
        self.report = Report()
        self._users: dict[Any, Any] = {}
        self._scopes_of: dict[Any, frozenset[str]] = {}
        self._accounts: dict[str, Any] = {}
        self._check()

    def _check(self) -> None:
        if self.scopes is not None and not self.scopes:
            raise InvalidChange("Say what the keys may be used for: without scopes they open nothing.", field="scopes")
        if self.source.has_users:
            if self.principal is not None or self.owner is not None:
                raise InvalidChange(
                    "These keys have users of their own and keep them: leave out --user, --service-account and --owner."
                )
            return
        if (self.principal is None) == (self.owner is None):
            raise InvalidChange(
                "These keys have no user. Say whose they become: --service-account NAME or --user NAME for all of them, or --owner USER "
                "for a service account of its own for each name of a key."
            )
        if self.principal is None and self.scopes is None:
            raise InvalidChange("New service accounts hold nothing yet: name the scopes with --scope.", field="scopes")
        if self.principal is not None and self.scopes is not None:
            held = held_by(self.principal)
            missing = core_scopes.registry.expand(self.scopes) - held.scopes - held.object_scopes
            if missing:
                who, listed = self.principal.get_username(), ", ".join(sorted(missing))
                raise NotHeld(
                    f"{who} does not hold {listed}, so keys of theirs cannot have it. Grant it first.",
                    missing,
                    field="scopes",
                )

    def run(self, size: int = BATCH) -> Iterator[int]:
        """Do it; gives the number of rows after each batch."""
        for batch in self.source.batches(size):
            self.report.read += len(batch)
            with self._transaction():
                self._take(batch)
            yield len(batch)

    def _transaction(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.dry_run else transaction.atomic(using=router.db_for_write(APIKey))

    def _take(self, batch: list[ForeignKeyText | Unusable]) -> None:
        found = [entry for entry in batch if isinstance(entry, ForeignKeyText)]
        for entry in batch:
            if isinstance(entry, Unusable):
                self.report.skip(entry.label, entry.reason)
        ids = [entry.public_id for entry in found]
        known = set(APIKeySecret.objects.filter(public_id__in=ids).values_list("public_id", flat=True))
        self.report.already += len(known)
        self._load_users({entry.user_id for entry in found})
        fresh = []
        for entry in found:
            if entry.public_id not in known:
                known.add(entry.public_id)
                key = self._key(entry)
                if key is not None:
                    fresh.append((key, entry))
        self._count(fresh)
        if fresh and not self.dry_run:
            self._save(fresh)

    def _load_users(self, ids: set[Any]) -> None:
        if self.source.has_users:
            self._scopes_of.clear()
            self._users = get_user_model()._base_manager.in_bulk(list(ids - {None}))

    def _key(self, entry: ForeignKeyText) -> APIKey | None:
        label = f"{entry.name} ({entry.public_id})"
        principal = self._principal_of(entry, label)
        if principal is None:
            return None
        scopes = self._scopes_for(principal)
        if not scopes:
            asked = "any scope" if self.scopes is None else "any of the scopes asked for"
            approve = ", or each needs another person's approval" if approvals_active() else ""
            self.report.skip(label, f"its owner does not hold {asked}{approve}: grant it, and import again")
            return None
        now = timezone.now()
        return APIKey(
            name=entry.name[:100],
            principal=principal,
            scopes=scopes,
            created_at=entry.created_at or now,
            created_by=self.by.user,
            expires_at=self._expiry(entry, now),
            revoked_at=now if entry.revoked else None,
            revoked_reason=REVOKED if entry.revoked else "",
        )

    def _principal_of(self, entry: ForeignKeyText, label: str) -> Any:
        if self.principal is not None:
            return self.principal
        if self.source.has_users:
            user = self._users.get(entry.user_id)
            if user is None:
                self.report.skip(label, "its user does not exist any more")
            return user
        try:
            return self._account(entry)
        except InvalidChange as error:
            self.report.skip(label, f"no service account could be made for it: {error}")
            return None

    def _account(self, entry: ForeignKeyText) -> Any:
        """The service account for keys of that name. One that somebody else made is not taken: it may hold more than these keys."""
        name = slugify(entry.name)[:100] or entry.public_id.replace(":", "-")
        if name in self._accounts:
            return self._accounts[name]
        account = ServiceAccount.objects.select_related("user").filter(name=name).first()
        if account is not None and (account.owner_id != self.owner.pk or account.purpose != PURPOSE):
            raise InvalidChange(
                f"there is a service account {name!r} already. To use it, import with --service-account {name}"
            )
        if account is not None:
            user = account.user
        elif self.dry_run:
            self.report.service_accounts += 1
            user = get_user_model()(**{get_user_model().USERNAME_FIELD: name})
        else:
            with transaction.atomic():
                user = service.create_service_account(name=name, owner=self.owner, purpose=PURPOSE, by=self.by).user
                for scope in sorted(self.scopes or ()):
                    roles.grant(user=user, scope=scope, by=self.by, reason="Imported keys need it")
            self.report.service_accounts += 1
        self._accounts[name] = user
        return user

    def _scopes_for(self, principal: Any) -> frozenset[str]:
        """Never more than was asked for, never more than the principal holds."""
        if principal._state.adding:  # a service account that a dry run would make, with these very grants
            return unguarded(principal, self.scopes or ())
        found = self._scopes_of.get(principal.pk)
        if found is None:
            registry = core_scopes.registry
            held = held_by(principal)
            reach = held.scopes | held.object_scopes
            if self.scopes is None:
                found = registry.reduce(reach)
            elif registry.expand(self.scopes) <= reach:
                found = self.scopes
            else:
                found = registry.reduce(registry.expand(self.scopes) & reach)
            # what another person must approve is asked for as a key: an old table does not speak for them
            found = registry.reduce(unguarded(principal, found)) if approvals_active() else found
            self._scopes_of[principal.pk] = found
        if self.scopes is not None and found and found != self.scopes:
            self.report.narrowed += 1
        return found

    def _expiry(self, entry: ForeignKeyText, now: datetime) -> datetime | None:
        """Its own, but no later than asked for, and than KEY_MAX_LIFETIME allows a key that is made now."""
        longest = access_settings.KEY_MAX_LIFETIME
        ends = (entry.expires_at, self.expires_at, None if longest is None else now + longest)
        return min((end for end in ends if end is not None), default=None)

    def _count(self, fresh: list[tuple[APIKey, ForeignKeyText]]) -> None:
        self.report.imported += len(fresh)
        self.report.revoked += sum(key.status == APIKey.Status.REVOKED for key, _ in fresh)
        self.report.expired += sum(key.status == APIKey.Status.EXPIRED for key, _ in fresh)

    def _save(self, fresh: list[tuple[APIKey, ForeignKeyText]]) -> None:
        APIKey.objects.bulk_create([key for key, _ in fresh])
        APIKeySecret.objects.bulk_create(
            APIKeySecret(key=key, public_id=entry.public_id, digest=entry.digest, created_at=key.created_at)
            for key, entry in fresh
        )
        bump(Generation.CREDENTIALS)
        changed_many(
            Action.KEY_IMPORTED,
            ((key, {**service.described(key), "public_id": entry.public_id}) for key, entry in fresh),
            by=self.by,
        )
