"""What an endpoint asks of an access. Requirements combine with `&` and `|`, never with "not".

Two ideas carry this module:

* **Monotone.** More scopes, roles or permissions never close what fewer opened: there is no negation.
* **Anchored.** A scoped credential (a key, a token) may be used for its scopes and nothing else. `HasRole` and `HasMFA` say
  something of the principal, not of the credential; so a requirement that a credential satisfies only through them is
  refused (`scope_required`), unless the credential was granted everything that the role gives. In
  `HasScope("orders:refund") & HasRole("manager")` the scope is the anchor, and a key for refunds alone suffices. `PUBLIC` and
  `AUTHENTICATED` ask for no right and so anchor none: beside a role they change nothing.

One module, though long: the algebra is short classes of one contract, read together, and `decide` is nothing without them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from .access import Access
from .assurance import ACR_LEVELS, MULTI_FACTOR, rank
from .decision import Decision, denied, granted
from .reasons import Reason


class Requirement(ABC):
    """One condition on an `Access`, or a combination of them. Immutable and hashable."""

    __slots__ = ()

    @abstractmethod
    def evaluate(self, access: Access) -> Decision:
        """The verdict on `access`, without the anchor rule (that is `decide`'s)."""

    def scopes(self) -> frozenset[str]:
        """Every scope named anywhere in the requirement."""
        return frozenset()

    def roles(self) -> frozenset[str]:
        """Every role named anywhere in the requirement."""
        return frozenset()

    @property
    def public(self) -> bool:
        """Whether a request without any credential may pass."""
        return False

    def __and__(self, other: Requirement | str) -> Requirement:
        return And.of(self, requirement_from(other))

    def __rand__(self, other: str) -> Requirement:
        return And.of(requirement_from(other), self)

    def __or__(self, other: Requirement | str) -> Requirement:
        return Or.of(self, requirement_from(other))

    def __ror__(self, other: str) -> Requirement:
        return Or.of(requirement_from(other), self)

    def __invert__(self) -> Requirement:
        raise TypeError(
            "Requirements have no 'not': a narrower credential must never open what a wider one does not. "
            "Give the endpoint a scope of its own instead."
        )

    def __bool__(self) -> bool:
        raise TypeError(
            "A requirement is neither true nor false by itself: combine with & and |, ask with access.has()."
        )


@dataclass(frozen=True, slots=True)
class HasScope(Requirement):
    """The access holds the scope, on everything (RFC 6749 section 3.3)."""

    name: str
    _yes: Decision = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(
                "HasScope takes one scope name, as in HasScope('orders:read'); combine several with & or |."
            )
        object.__setattr__(self, "_yes", granted(str(self), anchored=True, scopes=(self.name,)))

    def evaluate(self, access: Access) -> Decision:
        if self.name in access.scopes:
            return self._yes  # made once: every request asks
        need = (self.name,)
        if self.name in access.object_scopes:
            return denied(str(self), Reason.OBJECT, "held on single objects only", scopes=need, missing=need)
        return denied(str(self), Reason.SCOPE_MISSING, "not among the effective scopes", scopes=need, missing=need)

    def scopes(self) -> frozenset[str]:
        return frozenset({self.name})

    def __str__(self) -> str:
        return f'HasScope("{self.name}")'


@dataclass(frozen=True, slots=True)
class HasRole(Requirement):
    """The principal holds the role now, directly, by inheritance or through a group."""

    name: str
    _covered: Decision = field(init=False, repr=False, compare=False)
    _uncovered: Decision = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError("HasRole takes one role name, as in HasRole('manager'); combine several with & or |.")
        object.__setattr__(self, "_covered", granted(str(self), anchored=True))
        object.__setattr__(self, "_uncovered", granted(str(self), anchored=False))

    def evaluate(self, access: Access) -> Decision:
        if self.name not in access.roles:
            return denied(str(self), Reason.ROLE_MISSING, "the principal does not hold the role")
        covered = access.rights is None or access.rights.covers_role(self.name, access.scopes)
        return self._covered if covered else self._uncovered

    def roles(self) -> frozenset[str]:
        return frozenset({self.name})

    def __str__(self) -> str:
        return f'HasRole("{self.name}")'


@dataclass(frozen=True, slots=True)
class HasPermission(Requirement):
    """The principal has the Django permission (`app.codename`), and the credential's scopes open it."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or "." not in self.name:
            raise TypeError("HasPermission takes a Django permission, as in HasPermission('shop.view_order').")

    def evaluate(self, access: Access) -> Decision:
        if access.rights is not None and access.rights.has_permission(self.name):
            return granted(str(self), anchored=True)
        return denied(str(self), Reason.PERMISSION_MISSING, "not held, or not opened by the credential's scopes")

    def __str__(self) -> str:
        return f'HasPermission("{self.name}")'


@dataclass(frozen=True, slots=True)
class HasMFA(Requirement):
    """The principal proved more than one factor, at least at level `acr`, at most `max_age` seconds ago (RFC 9470)."""

    max_age: int | None = None
    acr: str = MULTI_FACTOR

    def __post_init__(self) -> None:
        if rank(self.acr) < 0:
            raise ValueError(f"Unknown acr {self.acr!r}: use one of {', '.join(ACR_LEVELS)}.")
        if self.max_age is not None and (not isinstance(self.max_age, int) or self.max_age < 0):
            raise ValueError("max_age is a number of seconds, 0 or more.")

    def evaluate(self, access: Access) -> Decision:
        if rank(access.acr) < rank(self.acr):
            if not access.can_step_up:
                return denied(str(self), Reason.MFA_IMPOSSIBLE, "this kind of credential cannot prove a second factor")
            return denied(str(self), Reason.MFA_MISSING, f"authenticated at {access.acr or 'no level'}")
        if self.max_age is not None:
            if access.auth_time is None:
                return denied(str(self), Reason.MFA_TOO_OLD, "the time of authentication is unknown")
            age = time.time() - access.auth_time.timestamp()
            if age > self.max_age:
                return denied(str(self), Reason.MFA_TOO_OLD, f"authenticated {age:.0f} seconds ago")
        return granted(str(self), anchored=False)

    def __str__(self) -> str:
        given = [] if self.max_age is None else [f"max_age={self.max_age}"]
        if self.acr != MULTI_FACTOR:
            given.append(f'acr="{self.acr}"')
        return f"HasMFA({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Public(Requirement):
    """Anyone, with or without a credential. Use the constant `PUBLIC`."""

    @property
    def public(self) -> bool:
        return True

    def evaluate(self, access: Access) -> Decision:
        return granted(str(self), anchored=True, neutral=True)

    def __str__(self) -> str:
        return "PUBLIC"


@dataclass(frozen=True, slots=True)
class Authenticated(Requirement):
    """Any valid credential, whatever its scopes. Use the constant `AUTHENTICATED`; for endpoints about the credential itself."""

    def evaluate(self, access: Access) -> Decision:
        return granted(str(self), anchored=True, neutral=True)

    def __str__(self) -> str:
        return "AUTHENTICATED"


@dataclass(frozen=True, slots=True)
class FirstParty(Requirement):
    """Any valid credential of the principal's own, whatever its scopes: no token that was given to a client (RFC 6749).

    Use the constant `FIRST_PARTY`; for endpoints where a person manages the account itself: a client that makes itself a key there would
    outlive the consent that it was given.
    """

    def evaluate(self, access: Access) -> Decision:
        if access.first_party:
            return granted(str(self), anchored=True, neutral=True)
        return denied(str(self), Reason.OTHER_CLIENT, f"a token that was given to the client {access.client_id}")

    def __str__(self) -> str:
        return "FIRST_PARTY"


@dataclass(frozen=True, slots=True)
class And(Requirement):
    """Every part holds."""

    parts: tuple[Requirement, ...]
    _text: str = field(init=False, repr=False, compare=False)
    _last: list[Decision | None] = field(init=False, repr=False, compare=False)
    """The decision made last: the same verdicts give the same again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_last", [None])
        parts = (f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)
        object.__setattr__(self, "_text", " & ".join(parts))

    @classmethod
    def of(cls, left: Requirement, right: Requirement) -> And:
        flat = tuple(part for side in (left, right) for part in (side.parts if isinstance(side, And) else (side,)))
        return cls(flat)

    @property
    def public(self) -> bool:
        return all(part.public for part in self.parts)

    def evaluate(self, access: Access) -> Decision:
        verdicts = tuple([verdict_on(part, access) for part in self.parts])
        last = self._last[0]
        if last is not None and last.parts == verdicts:
            return last
        decision = self._last[0] = self._combine(verdicts)
        return decision

    def _combine(self, verdicts: tuple[Decision, ...]) -> Decision:
        refused = [verdict for verdict in verdicts if not verdict.allowed]
        asking = [verdict for verdict in verdicts if not verdict.neutral]
        return Decision(
            not refused,
            self._text,
            reason=refused[0].reason if refused else None,
            detail=f"fails at {refused[0].text}" if refused else "",
            anchored=not asking or any(verdict.anchored for verdict in asking),
            neutral=not asking,
            parts=verdicts,
            required_scopes=_joined([verdict.required_scopes for verdict in verdicts]),
            missing_scopes=_joined([verdict.missing_scopes for verdict in refused]),
        )

    def scopes(self) -> frozenset[str]:
        return frozenset().union(*(part.scopes() for part in self.parts))

    def roles(self) -> frozenset[str]:
        return frozenset().union(*(part.roles() for part in self.parts))

    def __str__(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class Or(Requirement):
    """At least one part holds. An anchored part that holds is preferred to one that is not."""

    parts: tuple[Requirement, ...]

    @classmethod
    def of(cls, left: Requirement, right: Requirement) -> Or:
        flat = tuple(part for side in (left, right) for part in (side.parts if isinstance(side, Or) else (side,)))
        return cls(flat)

    @property
    def public(self) -> bool:
        return any(part.public for part in self.parts)

    def evaluate(self, access: Access) -> Decision:
        verdicts = tuple(verdict_on(part, access) for part in self.parts)
        holding = [verdict for verdict in verdicts if verdict.allowed]
        allowed = bool(holding)
        return Decision(
            allowed,
            str(self),
            reason=None if allowed else verdicts[0].reason,
            detail="" if allowed else "no alternative holds",
            anchored=any(verdict.anchored for verdict in holding),
            neutral=any(verdict.neutral for verdict in holding)
            and not any(verdict.anchored and not verdict.neutral for verdict in holding),
            parts=verdicts,
            required_scopes=_joined(verdict.required_scopes for verdict in verdicts),
            missing_scopes=() if allowed else _joined(verdict.missing_scopes for verdict in verdicts),
        )

    def scopes(self) -> frozenset[str]:
        return frozenset().union(*(part.scopes() for part in self.parts))

    def roles(self) -> frozenset[str]:
        return frozenset().union(*(part.roles() for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


PUBLIC: Final = Public()
AUTHENTICATED: Final = Authenticated()
FIRST_PARTY: Final = FirstParty()
OURS: Final = frozenset({HasScope, HasRole, HasPermission, HasMFA, Public, Authenticated, FirstParty})
"""The kinds of single conditions that can be answered without a request; a project's own class may ask for anything."""


def leaves(requirement: Requirement) -> Iterator[Requirement]:
    """The single conditions of a requirement."""
    if isinstance(requirement, And | Or):
        for part in requirement.parts:
            yield from leaves(part)
    else:
        yield requirement


def foreign_leaf(requirement: Requirement) -> Requirement | None:
    """The first single condition that is a class of the project's own; None: all of it is ours."""
    return next((leaf for leaf in leaves(requirement) if type(leaf) not in OURS), None)


def requirement_from(value: object) -> Requirement:
    """A requirement from what a view declares: a `Requirement`, or a string that names a scope."""
    if isinstance(value, Requirement):
        return value
    if isinstance(value, str):
        return HasScope(value)
    raise TypeError(
        f"{value!r} is not a requirement: use a scope name, HasScope, HasRole, HasPermission, HasMFA or PUBLIC, combined with & and |."
    )


def verdict_on(requirement: Requirement, access: Access) -> Decision:
    """What `evaluate` says. A forgotten return must never read as a yes, nor as a quiet no: it raises `TypeError`."""
    verdict = requirement.evaluate(access)
    if not isinstance(verdict, Decision):
        raise TypeError(f"{type(requirement).__name__}.evaluate returned {verdict!r}, not a Decision.")
    return verdict


def decide(requirement: Requirement, access: Access) -> Decision:
    """The decision that counts: the requirement's verdict, with the anchor rule for scoped credentials."""
    verdict = verdict_on(requirement, access)
    if verdict.allowed and access.scoped and not verdict.anchored:
        return replace(
            verdict,
            allowed=False,
            reason=Reason.SCOPE_REQUIRED,
            detail="no scope of this credential opens it: a role or a factor alone does not",
        )
    return verdict


def _joined(groups: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))  # type: ignore[attr-defined]
