"""Who fulfils a requirement: every principal and every credential, with the ways on which they got there.

Asked of the database in a handful of statements, whatever the number of users, grants and keys; credentials are read piece by piece. The
verdicts are those of `decide`, made once for everybody who holds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import F, Q

from ..core import scopes as core_scopes
from ..core.access import Access, CredentialRef
from ..core.assurance import ACR_LEVELS
from ..core.requirement import (
    And,
    Authenticated,
    HasMFA,
    HasPermission,
    HasRole,
    HasScope,
    Or,
    Public,
    Requirement,
    decide,
)
from ..exceptions import InvalidChange
from ..keys.models import APIKey
from ..roles.models import Grant
from ..roles.policy import Held, Policy, current_policy
from ..roles.provenance import DIRECT, SUPERUSER, Key, Ways
from ..tokens.models import TokenSession

CHUNK: Final = 2000


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


@dataclass(frozen=True, slots=True)
class Given:
    """One grant as it reaches a principal."""

    start: str
    role_id: int | None
    scope_id: int | None
    on: str

    @property
    def right(self) -> tuple[int | None, int | None, bool]:
        return self.role_id, self.scope_id, bool(self.on)


@dataclass(frozen=True, slots=True)
class Principal:
    """What one principal holds of what is asked. The same for all who hold the same."""

    given: frozenset[Given] = frozenset()
    permissions: frozenset[str] = frozenset()
    """Django permissions that Django's own tables give."""
    is_superuser: bool = False


class RowRights:
    """The rights of a principal from rows that are at hand (the `Rights` of `core.access`, as far as a decision asks)."""

    def __init__(self, principal: Principal, policy: Policy, held: Held, granted: frozenset[str] | None) -> None:
        self.principal, self.policy, self.held, self.granted = principal, policy, held, granted

    def has_permission(self, permission: str) -> bool:
        effective = None if self.granted is None else self.granted & (self.held.scopes | self.held.object_scopes)
        if effective is not None and permission not in core_scopes.registry.permissions(effective):
            return False
        return self.principal.is_superuser or permission in self.held.permissions | self.principal.permissions

    def covers_role(self, role: str, scopes: frozenset[str]) -> bool:
        if self.granted is None:
            return True
        rights = self.policy.role(role)
        if rights is None or not (rights.scopes or rights.permissions):
            return False
        return rights.scopes <= scopes and rights.permissions <= core_scopes.registry.permissions(scopes)

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        raise NotImplementedError  # a decision on everything asks for no objects

    objects_with_role = objects_with_scope

    def on(self, obj: Any) -> tuple[frozenset[str], frozenset[str]]:
        raise NotImplementedError


def leaves(requirement: Requirement) -> Iterator[Requirement]:
    """The single conditions of a requirement."""
    if isinstance(requirement, And | Or):
        for part in requirement.parts:
            yield from leaves(part)
    else:
        yield requirement


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
        held = self._held()
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
        for leaf in leaves(self.requirement):
            if not isinstance(leaf, HasScope | HasRole | HasPermission | HasMFA | Public | Authenticated):
                raise InvalidChange(
                    f"{type(leaf).__name__} is a requirement of this project: only a request can answer it. Ask explain_access about one."
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
        for pk, name, scopes, principal_id in rows:
            found = known.get(principal_id)
            if found is None:
                continue
            owner, principal = found
            allowed, everywhere, strong = self._verdict(principal, frozenset(scopes), can_step_up=kind == "session")
            if allowed:
                needs = self._factors() if strong else ""
                yield self._holder(kind, pk, name, owner, principal, everywhere=everywhere, needs=needs, scopes=scopes)

    def _held(self) -> dict[Any, tuple[frozenset[Given], frozenset[str]]]:
        """User id to the grants, and the permissions of Django's own, that give anything of what is asked."""
        shared: dict[Any, Any] = {}  # most hold the same: one object for all of them
        given: dict[Any, frozenset[Given]] = {}
        groups: dict[Any, frozenset[Given]] = {}
        for user_id, group_id, *columns in self._grants():
            one = Given(*columns)
            into, pk = (given, user_id) if group_id is None else (groups, group_id)
            both = into.get(pk, frozenset()) | {one}
            into[pk] = shared.setdefault(both, both)
        permissions: dict[Any, frozenset[str]] = {}
        lent: dict[Any, frozenset[str]] = {}
        names = [name for kind, name in self.keys if kind == "permission"]
        model: Any = get_user_model()
        if names and hasattr(model, "user_permissions"):
            _labelled(model.user_permissions.through, names, permissions, _user_column(model.user_permissions.through))
            _labelled(Group.permissions.through, names, lent, "group_id")
        if (groups or lent) and hasattr(model, "groups"):
            through = model.groups.through
            members = through._default_manager.filter(group_id__in={*groups, *lent}).values_list(
                _user_column(through), "group_id"
            )
            for user_id, group_id in members.iterator(chunk_size=CHUNK):
                both = given.get(user_id, frozenset()) | groups.get(group_id, frozenset())
                given[user_id] = shared.setdefault(both, both)
                if group_id in lent:
                    permissions[user_id] = permissions.get(user_id, frozenset()) | lent[group_id]
        return {pk: (given.get(pk, frozenset()), permissions.get(pk, frozenset())) for pk in {*given, *permissions}}

    def _grants(self) -> Iterator[tuple[Any, ...]]:
        """User id, group id, and the columns of `Given`."""
        giving = Q(pk__in=())
        for kind, name in self.keys:
            if kind == "role":
                giving |= Q(role__in=self.policy.roles_including(name))
                continue
            by_role = self.policy.roles_giving_scope if kind == "scope" else self.policy.roles_giving_permission
            by_scope = self.policy.scopes_giving if kind == "scope" else self.policy.scopes_opening
            giving |= Q(role__in=by_role(name)) | Q(scope__in=by_scope(name))
        columns = ("user_id", "group_id", "role_id", "scope_id", "object_id")
        types = {"app": F("content_type__app_label"), "model": F("content_type__model"), "group_name": F("group__name")}
        rows = Grant.objects.active(self.at).filter(giving).order_by().annotate(**types)
        for user, group, role, scope, pk, app, model, name in rows.values_list(*columns, *types).iterator(
            chunk_size=CHUNK
        ):
            yield (
                user,
                group,
                DIRECT if group is None else f"group {name}",
                role,
                scope,
                f"{app}.{model}:{pk}" if pk else "",
            )

    def _verdict(
        self, principal: Principal, granted: frozenset[str] | None, *, can_step_up: bool = True
    ) -> tuple[bool, bool, bool]:
        """Whether it is allowed at all; on everything; only with a second factor."""
        key = (principal, granted, can_step_up)
        found = self._verdicts.get(key)
        if found is None:
            found = self._verdicts[key] = self._decided(principal, granted, can_step_up=can_step_up)
        return found

    def _decided(
        self, principal: Principal, granted: frozenset[str] | None, *, can_step_up: bool
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


def _labelled(through: Any, names: list[str], into: dict[Any, frozenset[str]], column: str) -> None:
    """Fill `into` with the permissions among `names` that the rows of `through` give."""
    wanted = Q(pk__in=())
    for name in names:
        app, _, codename = name.partition(".")
        wanted |= Q(permission__content_type__app_label=app, permission__codename=codename)
    rows = through._default_manager.filter(wanted).values_list(
        column, "permission__content_type__app_label", "permission__codename"
    )
    for pk, app, codename in rows.iterator(chunk_size=CHUNK):
        into[pk] = into.get(pk, frozenset()) | {f"{app}.{codename}"}


def _user_column(through: Any) -> str:
    model = get_user_model()
    fields = (field for field in through._meta.concrete_fields if field.remote_field is not None)
    return str(next(field.attname for field in fields if field.remote_field.model is model))


def _keys(at: datetime) -> Iterator[Any]:
    rows = APIKey.objects.usable(at).order_by("pk").values_list("pk", "name", "scopes", "principal_id")
    return rows.iterator(chunk_size=CHUNK)


def _sessions(at: datetime) -> Iterator[Any]:
    rows = TokenSession.objects.live(at).order_by("pk")
    for pk, client, scope, user_id in rows.values_list("sid", "client_id", "scope", "user_id").iterator(
        chunk_size=CHUNK
    ):
        yield pk, f"client {client}", scope, user_id
