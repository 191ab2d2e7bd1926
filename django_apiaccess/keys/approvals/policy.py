"""Which keys need another person's approval (`API_ACCESS["APPROVALS"]`). Asked by whatever issues or widens a key."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from django.utils.module_loading import import_string

from ...conf import access_settings
from ...core import scopes as core_scopes
from ...events.source import Actor
from ...exceptions import ApprovalRequired, FourEyes
from ...roles.policy import current_policy
from ...roles.rights import held_by
from .. import bounds
from ..models import APIKey, ServiceAccount


def active() -> bool:
    """Whether the project has such a policy at all. No query."""
    policy = access_settings.APPROVALS
    return bool(policy["SCOPES"] or policy["ROLES"] or policy["FUNCTION"])


def guarded_scopes(names: Iterable[str]) -> frozenset[str]:
    """Those of `names`, and of what they imply, that match a pattern of `SCOPES`.

    A wildcard counts where a pattern could match any scope of its resource: it will also give those that are declared later.
    """
    reached = core_scopes.registry.expand(names)
    implied = {
        name for scope in reached if (found := core_scopes.registry.get(scope)) is not None for name in found.implies
    }
    return frozenset(name for name in {*names, *reached, *implied} if any(_matches(name, one) for one in _patterns()))


def _patterns() -> Iterable[str]:
    patterns: Iterable[str] = access_settings.APPROVALS["SCOPES"]
    return patterns


def _matches(name: str, pattern: str) -> bool:
    if name.endswith(":*"):
        return fnmatchcase(name[:-2], pattern.partition(":")[0])
    return fnmatchcase(name, pattern)


def guarded_roles(principal: Any, names: Iterable[str]) -> frozenset[str]:
    """The roles of `principal` that match a pattern of `ROLES` and of whose rights a key with the scopes `names` would carry one.

    A right is a scope that the role gives, or a Django permission that the role gives and that these scopes open. So every key that
    satisfies `HasRole` of such a role is among them: it covers all that the role gives.
    """
    patterns = access_settings.APPROVALS["ROLES"]
    if not patterns or principal._state.adding:  # who is not there yet has no role
        return frozenset()
    policy = current_policy()
    held = held_by(principal, policy=policy)
    mine = held.roles | held.object_roles
    reached = core_scopes.registry.expand(names)
    opened = core_scopes.registry.permissions(reached)
    found = set()
    for role in (one for one in mine if any(fnmatchcase(one, pattern) for pattern in patterns)):
        rights = policy.role(role)
        if rights is not None and (rights.scopes & reached or rights.permissions & opened):
            found.add(role)
    return frozenset(found)


def why(principal: Any, names: Iterable[str]) -> str:
    """Why a key of `principal` for the scopes `names` needs approval, in words; empty: it needs none."""
    names = frozenset(names)
    if not active() or not names:
        return ""
    scopes = guarded_scopes(names)
    if scopes:
        return f"the scope {', '.join(sorted(scopes))}"
    roles = guarded_roles(principal, names)
    if roles:
        return f"rights of the role {', '.join(sorted(roles))}"
    function = access_settings.APPROVALS["FUNCTION"]
    decide: Any = import_string(function) if isinstance(function, str) else function
    if decide is not None and decide(principal, core_scopes.registry.expand(names)):
        return "what it may be used for"
    return ""


def unguarded(principal: Any, names: Iterable[str]) -> frozenset[str]:
    """The scopes among `names`, wildcards written out, that a key of `principal` can have with nobody's approval.

    None where each passes alone and all of them together do not, as a `FUNCTION` may have it: which to leave out is not ours to say.
    """
    names = frozenset(names)
    if not why(principal, names):
        return names
    alone = frozenset(name for name in core_scopes.registry.expand(names) if not why(principal, [name]))
    return frozenset() if why(principal, alone) else alone


def check(key: APIKey, before: APIKey | None = None) -> None:
    """Raise `ApprovalRequired` where `key`, about to be saved, needs approval: because it is new, or does more than it did `before`."""
    if before is not None and not _widened(key, before):
        return
    reason = why(key.principal, key.scopes)
    if reason:
        raise ApprovalRequired(
            f"Another person must approve this because of {reason}. Say in 'justification' what it is for, and it is asked for.",
            key,
        )


def check_takes(principal: Any, names: Iterable[str], by: Actor) -> None:
    """Raise `FourEyes` where the actor alone would get a secret of somebody else's that needs another person's approval.

    Its principal, and the owner of a service account, renew it: they were approved. An operator at the shell is bound by no policy.
    """
    if by.user is None or by.user.pk == principal.pk or not active():
        return
    if ServiceAccount.objects.filter(user=principal.pk, owner=by.user.pk).exists():
        return
    reason = why(principal, names)
    if reason:
        raise FourEyes(
            f"Only {principal.get_username()}, or the owner of that service account, may have a new secret of this, because of {reason}. "
            "Ask them to rotate it, or ask for a key of your own, which another person approves."
        )


def _widened(key: APIKey, before: APIKey) -> bool:
    """A new wildcard widens too: it gives what is declared later."""
    new = frozenset(name for name in key.scopes - before.scopes if name.endswith(":*"))
    return bool(new) or not bounds.does_no_more(key, before)
