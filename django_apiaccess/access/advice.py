"""The smallest grant that would allow a refused request: computed from what the view asks, and tried before it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final

from ..core import scopes as core_scopes
from ..core.access import Access
from ..core.assurance import rank
from ..core.reasons import Reason
from ..core.requirement import HasMFA, HasPermission, HasRole, HasScope, Requirement, verdict_on
from ..roles.policy import Policy
from .callers import Caller
from .context import Context
from .explain import explain, explained
from .explanation import Explanation
from .imagined import Changes, amended
from .objects import alternatives
from .simulation import Simulation
from .weighing import requirements_of

MOST: Final = 64
"""Candidates that are tried at most, the smallest first."""
NOTHING: Final = Changes()


@dataclass(frozen=True, slots=True)
class Advice:
    """What would allow the request. Without `changes` there is nothing to give, and `text` says why."""

    changes: Changes
    text: str
    added: int = 0
    """How many rights it adds that the caller has not got: effective scopes, roles, Django permissions."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        changes = self.changes
        on = None if changes.on is None else f"{changes.on._meta.label}:{changes.on.pk}"
        return {
            "possible": bool(changes),
            "text": self.text,
            "scopes": sorted(changes.scopes),
            "roles": sorted(changes.roles),
            "on": on,
            "credential_scopes": sorted(changes.key_scopes),
            "acr": changes.acr or None,
            "fresh_login": changes.fresh,
            "rights_added": self.added,
        }


def advise(caller: Caller, method: str, path: str, context: Context | None = None) -> Advice:
    """The least that would have to be given to a caller who is refused, verified by explaining the request with it.

    Least by the rights that it adds, then by the number of things given. Candidates are made of single scopes and roles that the view's
    requirement names or that open a permission which it names, on one object where that does. Raises as `explain`.
    """
    context = context or Context()
    simulated = Simulation.of(method, path, context)
    found = explained(caller, simulated)
    if found.allowed:
        return Advice(NOTHING, "It is allowed as it is.")
    access = simulated.access
    if access is None or access.rights is None:
        return Advice(NOTHING, f"No grant would allow it: {_cause(found)}")
    wanted = [each for each in requirements_of(simulated.view, simulated.request) if each is not None]
    target = simulated.named_object()
    ranked = sorted(
        (
            (_added(access, one), _count(one), str(_words(one, access)), one)
            for one in _candidates(wanted, access, target)
        ),
        key=lambda entry: entry[:3],
    )

    def allows(changes: Changes) -> bool:
        return explain(caller, method, path, context, changes=changes).allowed

    for _rank, _number, _text, changes in islice(ranked, MOST):
        if allows(changes):
            least = _shrunk(changes, allows)
            words = " and ".join(_words(least, access))
            text = f"The smallest change that would allow it: {words}. With it the verdict is allowed."
            return Advice(least, text, sum(_added(access, least)))
    return Advice(NOTHING, f"No grant would allow it: {_cause(found)}")


def _shrunk(changes: Changes, allows: Callable[[Changes], bool]) -> Changes:
    """Without what is not needed: a right may be there already on a way that the view's requirement does not name."""
    for column in ("roles", "scopes", "key_scopes"):
        for name in sorted(getattr(changes, column)):
            less = replace(changes, **{column: getattr(changes, column) - {name}})
            changes = less if less and allows(less) else changes
    for less in (replace(changes, acr="", fresh=False), replace(changes, acr="")):
        changes = less if changes.acr and less and allows(less) else changes
    return changes


def _cause(found: Explanation) -> str:
    if found.reason is Reason.UNDECLARED:
        return f"{found.detail}. Its developer must declare an access that HasAccess asks for."
    return f"{found.detail or 'the view refuses it'}."


def _candidates(wanted: list[Requirement], access: Access, target: Any) -> Iterator[Changes]:
    """Every way to fulfil all that is asked, as far as single scopes and roles can."""
    seen: set[tuple[Any, ...]] = set()
    rights: Any = access.rights
    policy: Policy = rights.policy
    for choice in product(*(alternatives(each) for each in wanted)):
        leaves = list(dict.fromkeys(leaf for parts in choice for leaf in parts))
        for on in (None, target) if target is not None else (None,):
            options = [_fulfilling(leaf, access, on) for leaf in leaves]
            for pieces in islice(product(*options), MOST):
                merged = _merged(pieces, on, policy)
                key = (merged.scopes, merged.roles, merged.key_scopes, merged.acr, merged.fresh, on is None)
                if merged and key not in seen:
                    seen.add(key)
                    yield merged


def _fulfilling(leaf: Requirement, access: Access, on: Any) -> list[Changes]:
    """What would fulfil one condition. Empty: nothing would."""
    rights: Any = access.rights
    policy: Policy = rights.policy
    if isinstance(leaf, HasRole):
        return _role(leaf.name, access, on, policy)
    if verdict_on(leaf, access if on is None else access.on(on)).allowed:
        return [NOTHING]
    if isinstance(leaf, HasScope):
        return [_scope(leaf.name, access, on)]
    if isinstance(leaf, HasPermission):
        names = [] if on is not None else [scope.name for scope in core_scopes.registry]
        return [_scope(name, access, on) for name in names if leaf.name in core_scopes.registry.permissions((name,))]
    if isinstance(leaf, HasMFA) and access.can_step_up:
        return [Changes(acr=max(leaf.acr, access.acr, key=rank), fresh=True)]
    return []


def _scope(name: str, access: Access, on: Any) -> Changes:
    """The halves of "granted and held" that a scope lacks."""
    rights: Any = access.rights
    held = rights.held.scopes if on is None else rights.held.scopes | rights.held_on(on).scopes
    wanted = frozenset({name})
    granted = rights.granted is None or name in rights.granted
    return Changes(scopes=frozenset() if name in held else wanted, key_scopes=frozenset() if granted else wanted)


def _role(name: str, access: Access, on: Any, policy: Policy) -> list[Changes]:
    """The role where it is not held; and the same with all its scopes on the credential, which then stands for it."""
    rights: Any = access.rights
    gives = policy.role(name)
    if gives is None:
        return []
    held = access.roles if on is None else access.roles | rights.held_on(on).roles
    role = NOTHING if name in held else Changes(roles=frozenset({name}))
    lacking = frozenset() if rights.granted is None else gives.scopes - rights.granted
    return [role, replace(role, key_scopes=lacking)] if lacking else [role]


def _merged(pieces: Iterable[Changes], on: Any, policy: Policy) -> Changes:
    """All of them as one; a scope that a given role brings along is not given again."""
    total = NOTHING
    for piece in pieces:
        total = Changes(
            total.scopes | piece.scopes,
            total.roles | piece.roles,
            total.key_scopes | piece.key_scopes,
            max(total.acr, piece.acr, key=rank),
            total.fresh or piece.fresh,
        )
    brought = Changes(roles=total.roles).held(policy).scopes
    scopes = total.scopes - brought
    return replace(total, scopes=scopes, on=on if scopes or total.roles else None)


def _added(access: Access, changes: Changes) -> tuple[int, int]:
    """How many rights the changes add on everything, and on one object."""
    before, after = access, amended(access, changes)
    whole = len(after.scopes - before.scopes) + len(after.roles - before.roles)
    whole += len(_permissions(after) - _permissions(before))
    return whole, len(after.object_scopes - before.object_scopes) + len(after.object_roles - before.object_roles)


def _permissions(access: Access) -> frozenset[str]:
    rights: Any = access.rights
    held: frozenset[str] = rights.held.permissions
    return held if rights.opened is None else held & rights.opened


def _count(changes: Changes) -> int:
    """How many things are given."""
    return len(changes.scopes) + len(changes.roles) + len(changes.key_scopes) + bool(changes.acr)


def _words(changes: Changes, access: Access) -> list[str]:
    """The changes for a person."""
    user = access.principal.get_username()
    on = "" if changes.on is None else f" on {changes.on._meta.label}:{changes.on.pk}"
    found = [f"grant {user} the scope {name}{on}" for name in sorted(changes.scopes)]
    found += [f"grant {user} the role {name}{on}" for name in sorted(changes.roles)]
    if changes.key_scopes:
        what = "key" if access.credential.kind == "api_key" else "token"
        found.append(f"give the {what} the scope {', '.join(sorted(changes.key_scopes))}")
    if changes.acr:
        found.append(f"log in again, at {changes.acr} or stronger")
    return found
