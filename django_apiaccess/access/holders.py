"""Who fulfils a requirement: every principal and every credential, with the ways on which they got there.

Asked of the database in a handful of statements, whatever the number of users, grants and keys; credentials are read piece by piece. The
verdicts are those of `decide`, made once for everybody who holds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model

from ..core import scopes as core_scopes
from ..core.access import FIRST_PARTY_CLIENT, Access, CredentialRef
from ..core.assurance import ACR_LEVELS
from ..core.requirement import (
    HasMFA,
    HasPermission,
    HasRole,
    HasScope,
    Requirement,
    decide,
    foreign_leaf,
    leaves,
)
from ..exceptions import InvalidChange
from ..keys.models import APIKey
from ..roles.policy import Policy, current_policy
from ..roles.provenance import SUPERUSER, Key, Ways
from ..tokens.models import TokenSession
from .held import CHUNK, Principal, RowRights, held_of


@dataclass(frozen=True, slots=True)
class Holder:
    """One principal, or one credential of theirs. `paths`: the ways of the rights that the requirement names."""

    kind: str
    id: Any
    name: str
    principal: str
    paths: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    """The only objects on which it is so; empty: on everything."""
    needs: str = ""
    """What a log-in must prove besides."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data for a row."""
        return {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "principal": self.principal,
            "on": list(self.on),
            "needs": self.needs,
            "paths": list(self.paths),
        }


@dataclass(slots=True)
class Holders:
    """The holders of one requirement, at one moment."""

    requirement: Requirement
    at: datetime
    single_objects: bool = True
    """Whether who holds it on single objects alone is among them."""
    policy: Policy = field(default_factory=current_policy)
    ways: Ways = field(default_factory=Ways)
    _verdicts: dict[Any, tuple[bool, bool, bool]] = field(default_factory=dict)
    _paths: dict[Any, tuple[str, ...]] = field(default_factory=dict)

    @property
    def keys(self) -> list[Key]:
        """The rights that the requirement names."""
        kinds: dict[type, Any] = {HasScope: "scope", HasRole: "role", HasPermission: "permission"}
        named = (leaf for leaf in leaves(self.requirement) if type(leaf) in kinds)
        return list(dict.fromkeys((kinds[type(leaf)], leaf.name) for leaf in named))  # type: ignore[attr-defined]

    def everybody(self) -> Iterator[Holder]:
        """One row where nobody in particular is meant: anyone at all, or every credential."""
        if self.requirement.public:
            yield Holder("anyone", "", "anyone", "", ("PUBLIC",))
        elif self._verdict(Principal(), frozenset())[0]:
            yield Holder("anyone", "", "every valid credential", "", (str(self.requirement),))

    def principals(self) -> Iterator[tuple[Holder, Principal]]:
        """Active users and service accounts."""
        held = held_of(self.keys, self.policy, self.at)
        columns = ["pk", get_user_model().USERNAME_FIELD, "service_account__name"]
        has_superusers = hasattr(get_user_model(), "is_superuser")
        users = get_user_model()._default_manager.order_by("pk")
        if hasattr(get_user_model(), "is_active"):
            users = users.filter(is_active=True)
        rows = users.values_list(*columns, *(["is_superuser"] if has_superusers else []))
        for pk, name, account, *flags in rows.iterator(chunk_size=CHUNK):
            given, permissions = held.get(pk, (frozenset(), frozenset()))
            principal = Principal(given, permissions, bool(flags and flags[0]))
            allowed, everywhere, strong = self._verdict(principal, None)
            if allowed:
                kind = "user" if account is None else "service_account"
                needs = "" if not strong else self._factors()
                yield (
                    self._holder(kind, pk, account or name, name, principal, everywhere=everywhere, needs=needs),
                    principal,
                )

    def __iter__(self) -> Iterator[Holder]:
        foreign = foreign_leaf(self.requirement)
        if foreign is not None:
            raise InvalidChange(
                f"{type(foreign).__name__} is a requirement of this project: only a request can answer it. Ask explain_access about one."
            )
        everybody = list(self.everybody())
        yield from everybody
        if everybody:
            return
        known: dict[Any, tuple[str, Principal]] = {}
        for holder, principal in self.principals():
            known[holder.id] = (holder.principal, principal)
            yield holder
        yield from self._credentials("api_key", _keys(self.at), known)
        yield from self._credentials("session", _sessions(self.at), known)

    def _credentials(self, kind: str, rows: Iterable[Any], known: dict[Any, tuple[str, Principal]]) -> Iterator[Holder]:
        for pk, name, scopes, principal_id, client in rows:
            found = known.get(principal_id)
            if found is None:
                continue
            owner, principal = found
            granted, steps_up = frozenset(scopes), kind == "session"
            allowed, everywhere, strong = self._verdict(principal, granted, can_step_up=steps_up, client=client)
            if allowed:
                needs = self._factors() if strong else ""
                yield self._holder(kind, pk, name, owner, principal, everywhere=everywhere, needs=needs, scopes=scopes)

    def _verdict(
        self,
        principal: Principal,
        granted: frozenset[str] | None,
        *,
        can_step_up: bool = True,
        client: str | None = None,
    ) -> tuple[bool, bool, bool]:
        """Whether it is allowed at all; on everything; only with a second factor."""
        key = (principal, granted, can_step_up, client in {None, FIRST_PARTY_CLIENT})
        found = self._verdicts.get(key)
        if found is None:
            found = self._verdicts[key] = self._decided(principal, granted, can_step_up=can_step_up, client=client)
        return found

    def _decided(
        self, principal: Principal, granted: frozenset[str] | None, *, can_step_up: bool, client: str | None
    ) -> tuple[bool, bool, bool]:
        held = self.policy.held((one.right for one in principal.given), superuser=principal.is_superuser)
        expanded = None if granted is None else core_scopes.registry.expand(granted)
        access = Access(
            principal=None,
            credential=CredentialRef("listed", "", ""),
            scopes=held.scopes if expanded is None else held.scopes & expanded,
            roles=held.roles,
            object_scopes=held.object_scopes if expanded is None else held.object_scopes & expanded,
            object_roles=held.object_roles,
            scoped=expanded is not None,
            client_id=client,
            acr=ACR_LEVELS[-1] if can_step_up else "",
            auth_time=datetime.now(UTC) if can_step_up else None,
            can_step_up=can_step_up,
            rights=RowRights(principal, self.policy, held, expanded),
        )
        everywhere = decide(self.requirement, access).allowed
        allowed = everywhere or (self.single_objects and decide(self.requirement, access.somewhere()).allowed)
        return (
            allowed,
            everywhere,
            allowed and can_step_up and any(isinstance(leaf, HasMFA) for leaf in leaves(self.requirement)),
        )

    def _factors(self) -> str:
        return " ".join(str(leaf) for leaf in leaves(self.requirement) if isinstance(leaf, HasMFA))

    def _holder(
        self,
        kind: str,
        pk: Any,
        name: str,
        owner: str,
        principal: Principal,
        *,
        everywhere: bool,
        needs: str,
        scopes: Any = None,
    ) -> Holder:
        paths = self._paths_of(principal)
        if scopes is not None:
            carried = core_scopes.dump(scopes) or "no scopes"
            paths = tuple(f"{kind} for {carried} ∩ {path}" for path in paths)
        on = () if everywhere else tuple(sorted({one.on for one in principal.given if one.on}))
        return Holder(kind, pk, name, owner, paths, on, needs)

    def _paths_of(self, principal: Principal) -> tuple[str, ...]:
        found = self._paths.get(principal)
        if found is None:
            found = self._paths[principal] = tuple(dict.fromkeys(self._walked(principal)))
        return found

    def _walked(self, principal: Principal) -> Iterator[str]:
        for key in self.keys:
            if principal.is_superuser and key[0] != "role":
                yield f"{SUPERUSER} -> {key[1]}"
            for one in sorted(principal.given, key=lambda given: (given.start, given.on, given.role_id or 0)):
                via = self.ways.to(key, one.role_id, one.scope_id, one.start)
                if via is not None:
                    yield " -> ".join((*via, key[1])) + (f" on {one.on}" if one.on else "")
            if key[0] == "permission" and key[1] in principal.permissions:
                yield f"Django's own permissions -> {key[1]}"


def _keys(at: datetime) -> Iterator[Any]:
    rows = APIKey.objects.usable(at).order_by("pk").values_list("pk", "name", "scopes", "principal_id")
    for row in rows.iterator(chunk_size=CHUNK):
        yield *row, None


def _sessions(at: datetime) -> Iterator[Any]:
    rows = TokenSession.objects.live(at).order_by("pk")
    for pk, client, scope, user_id in rows.values_list("sid", "client_id", "scope", "user_id").iterator(
        chunk_size=CHUNK
    ):
        yield pk, f"client {client}", scope, user_id, client
