"""`Access`: the verified answer for one request. Immutable; what a view finds in `request.auth`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .decision import Decision
    from .requirement import Requirement


FIRST_PARTY_CLIENT = "first-party"
"""`client_id` of the tokens of our own log-in. No client can be registered under that name."""


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """Which credential was presented: its kind (`api_key`, `session`...), its id, and a name for people. Never a secret.

    `secret_id`: the row of the secret that proved it, where a credential has several of them, as an API key in a rotation.
    """

    kind: str
    id: str
    label: str
    secret_id: int | None = field(default=None, repr=False, compare=False)


class Rights(Protocol):
    """What the principal holds now, as far as a requirement may ask. Supplied by the layers above `core`."""

    def has_permission(self, permission: str) -> bool:
        """Whether the principal has a Django permission, within the credential's scopes."""

    def covers_role(self, role: str, scopes: frozenset[str]) -> bool:
        """Whether `scopes` contain everything that `role` gives."""

    def scopes_covering(self, role: str, scopes: frozenset[str]) -> frozenset[str]:
        """Those of `scopes` that together contain everything that `role` gives."""

    def scopes_opening(self, permission: str) -> frozenset[str]:
        """The scopes of the credential that open a Django permission."""

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        """A subquery of the primary keys of the `model` objects on which the principal holds `scope`."""

    def objects_with_role(self, model: Any, role: str) -> Any:
        """A subquery of the primary keys of the `model` objects on which the principal holds `role`."""

    def on(self, obj: Any) -> tuple[frozenset[str], frozenset[str]]:
        """The scopes and roles that the principal holds on `obj` alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who is calling, with what, and what that may do now (RFC 6749 scopes, RFC 8176 amr, RFC 9470 acr/auth_time).

    `scopes` and `roles` are effective: granted to the credential ∩ held by the principal at this moment, implications and
    inheritance followed. `object_scopes` and `object_roles` are held on single objects only: they open views that filter by
    object. `scoped` is False for credentials that carry their principal's whole rights (a session). `dpop_jkt` is the thumbprint of the key
    that the credential is bound to (RFC 9449), empty for none. `uses` takes the name of each scope on which a yes rested; None: nobody
    records it.
    """

    principal: Any
    credential: CredentialRef
    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()
    object_scopes: frozenset[str] = frozenset()
    object_roles: frozenset[str] = frozenset()
    scoped: bool = True
    client_id: str | None = None
    amr: tuple[str, ...] = ()
    acr: str = ""
    auth_time: datetime | None = None
    expires_at: datetime | None = None
    session_id: str | None = None
    can_step_up: bool = False
    rate: str = ""
    dpop_jkt: str = ""
    rights: Rights | None = field(default=None, repr=False, compare=False)
    uses: Callable[[str], None] | None = field(default=None, repr=False, compare=False)

    @property
    def first_party(self) -> bool:
        """Whether the principal's own: not given to a client (RFC 6749), which may do for its user only what it was given for."""
        return self.client_id in {None, FIRST_PARTY_CLIENT}

    def explain(self, requirement: Requirement | str) -> Decision:
        """The decision on `requirement` (a plain string is a scope), with the reason for every part."""
        from .requirement import decide, requirement_from
        from .scope_use import note

        wanted = requirement_from(requirement)
        decision = decide(wanted, self)
        if decision.allowed and self.uses is not None:
            note(wanted, self, decision)
        return decision

    def has(self, requirement: Requirement | str) -> bool:
        """Whether this access satisfies `requirement` (a plain string is a scope)."""
        return self.explain(requirement).allowed

    def queryset(self, queryset: Any, scope: str) -> Any:
        """`queryset` narrowed to what this access reaches with `scope`, in one SQL query.

        All of it when the scope is held on everything, nothing when it is not held at all.
        """
        reached = scope in self.scopes or (self.rights is not None and scope in self.object_scopes)
        if reached and self.uses is not None:
            self.uses(scope)
        if scope in self.scopes:
            return queryset
        if self.rights is None or not reached:
            return queryset.none()
        return queryset.filter(pk__in=self.rights.objects_with_scope(queryset.model, scope))

    def on(self, obj: Any) -> Access:
        """This access as it stands towards `obj`: with the scopes and roles that its principal holds on that object."""
        if self.rights is None or not (self.object_scopes or self.object_roles):
            return self
        scopes, roles = self.rights.on(obj)
        return replace(
            self, scopes=self.scopes | (scopes & self.object_scopes), roles=self.roles | (roles & self.object_roles)
        )

    def somewhere(self) -> Access:
        """This access as if it held everywhere what it holds on single objects. For views that then ask object by object."""
        if not (self.object_scopes or self.object_roles):
            return self
        return replace(self, scopes=self.scopes | self.object_scopes, roles=self.roles | self.object_roles)
