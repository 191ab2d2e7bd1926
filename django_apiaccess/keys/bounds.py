"""How far one key reaches over others: what it may touch, and how a key that it asked for stays bound as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..core import scopes as core_scopes
from ..core.access import Access
from ..core.addresses import parse_networks
from ..core.origins import parse_origins
from ..events.source import Actor
from ..exceptions import NotHeld
from ..roles.policy import current_policy
from ..roles.rights import PrincipalRights, held_by
from .leak_policy import stricter
from .models import APIKey, APIKeySecret


def asking_key(by: Actor) -> APIKey | None:
    """The key that an API caller presented; None for everybody else."""
    if by.credential is None or by.credential.kind != "api_key":
        return None
    return APIKey.objects.get(pk=by.credential.id)


def managing_key(by: Actor) -> APIKey | None:
    """The key with which the actor makes, changes or rotates keys.

    Raises `NotHeld` for a secret that ends by itself, because a rotation replaced it or because it leaked: it makes nothing that lasts.
    """
    via = asking_key(by)
    if via is None or by.credential is None:
        return None
    if via.revoked_at is not None:  # between the request's authentication and now
        raise NotHeld("This key is revoked.")
    lasts = APIKeySecret.objects.filter(pk=by.credential.secret_id or 0, key=via, expires_at=None)
    if not lasts.exists():  # asked now: it may have been reported as leaked since the request was authenticated
        raise NotHeld(
            "This secret was replaced by a rotation, or leaked: it makes and changes no keys any more. Use the new one."
        )
    return via


def issuing_key(by: Actor) -> APIKey | None:
    """The key with which the actor issues another one.

    Raises `NotHeld` for a key with a rate: each key that it made would be counted apart, and together they would do more than it may.
    """
    via = managing_key(by)
    if via is not None and via.rate:
        raise NotHeld(
            "A key with a rate issues no keys: each would have that rate for itself. Ask a person for one.",
            field="rate",
        )
    return via


def reachable(keys: Iterable[APIKey], by: Actor) -> list[APIKey]:
    """Those of `keys` that an API caller may touch: a key reaches itself, and keys that can do no more than it can."""
    access = by.access
    if access is None or not access.scoped:
        return list(keys)
    via = asking_key(by)
    opened = access.scopes | access.object_scopes

    def can_do_no_more(key: APIKey) -> bool:
        return core_scopes.registry.expand(key.scopes) <= opened and (via is None or _is_bound_as(key, via))

    return [key for key in keys if (via is not None and key.pk == via.pk) or can_do_no_more(key)]


def beyond(key: APIKey, access: Access) -> frozenset[str]:
    """The scopes and roles of a key that would give whoever gets its text more than they have.

    A key of one's own opens on single objects what one holds there. Somebody else's opens what its principal holds: on everything, and with
    the roles that it covers.
    """
    scopes = core_scopes.registry.expand(key.scopes)
    if key.principal_id == access.principal.pk:
        return scopes - access.scopes - access.object_scopes
    policy = current_policy()
    held = held_by(key.principal, policy=policy)
    rights = PrincipalRights(key.principal, policy, held, scopes)
    carried = {role for role in held.roles | held.object_roles if rights.covers_role(role, scopes)}
    return (scopes - access.scopes) | (carried - access.roles)


def issuer_of(key: APIKey) -> APIKey | None:
    """The key that `key` was issued via, as it is now."""
    return None if key.issued_via_id is None else APIKey.objects.get(pk=key.issued_via_id)


def take_over(key: APIKey, via: APIKey) -> None:
    """Make `key` one of those that `via` asked for, because `via` gets a secret of it or lets it do more: revoking `via` must end that.

    Raises `NotHeld` where it belongs to another key already, or where `via` itself came from it.
    """
    if via.pk == key.pk or via.pk in _lineage(key):
        return
    if key.issued_via_id is not None or key.pk in _lineage(via):
        raise NotHeld(
            "This key was not issued via the key that asks. Use the key itself, the one that it came from, or a session."
        )
    key.issued_via = via


def _lineage(key: APIKey) -> set[int]:
    """The keys that `key` was issued via, one after the other."""
    found: set[int] = set()
    above = key.issued_via_id
    while above is not None and above not in found:
        found.add(above)
        above = APIKey.objects.filter(pk=above).values_list("issued_via", flat=True).first()
    return found


def closed_wildcards(names: frozenset[str], held: frozenset[str]) -> frozenset[str]:
    """`names` with each wildcard that is not in `held` written out: it would give scopes that are declared later too."""
    beyond = frozenset(name for name in names if name.endswith(":*") and name not in held)
    return (names - beyond) | core_scopes.registry.expand(beyond) if beyond else names


def does_no_more(key: APIKey, before: APIKey) -> bool:
    """Whether a changed key is as it was `before`, or narrower."""
    return _is_bound_as(key, before) and _lives_no_longer(key, before)


def inherit(key: APIKey, parent: APIKey, *, new: bool = False) -> None:
    """Bind `key` as `parent` is. Raises `NotHeld` where it asks for networks or origins beyond, or is bound to another public key.

    Only a `new` key, which is being made, can be bound to one: who has the text of an old one would not know.
    """
    if parent.dpop_jkt and key.dpop_jkt != parent.dpop_jkt:
        if not new or key.dpop_jkt:
            raise NotHeld("The key must be bound to the same public key as the one that asks.", field="dpop_jkt")
        key.dpop_jkt = parent.dpop_jkt
    if parent.networks and key.networks and not _lies_within(key.networks, parent.networks):
        raise NotHeld("The networks must lie within those of the key that asks.", field="networks")
    if parent.origins and key.origins and not parse_origins(key.origins) <= parse_origins(parent.origins):
        raise NotHeld("The origins must be among those of the key that asks.", field="origins")
    _tighten(key, parent)


def check_issued(key: APIKey) -> None:
    """Raise `NotHeld` when a key would get scopes that the key it was issued via does not have."""
    issuer = issuer_of(key)
    if issuer is None:
        return
    beyond = core_scopes.registry.expand(key.scopes) - core_scopes.registry.expand(issuer.scopes)
    if beyond:
        listed = ", ".join(sorted(beyond))
        raise NotHeld(f"This key was issued via {issuer.name!r}, which does not have {listed}.", beyond, field="scopes")


def tightened(parent: APIKey) -> Iterator[APIKey]:
    """The keys issued via `parent`, and via those, that reach beyond it after it was changed: narrowed, not saved yet."""
    for key in APIKey.objects.filter(issued_via=parent, revoked_at=None):
        if not (_is_bound_as(key, parent) and _lives_no_longer(key, parent)):
            _tighten(key, parent)
            if not _opens_no_more(key, parent):
                registry = core_scopes.registry
                key.scopes = registry.reduce(registry.expand(key.scopes) & registry.expand(parent.scopes))
            yield key
        yield from tightened(key)


def _tighten(key: APIKey, parent: APIKey) -> None:
    if parent.networks and not _lies_within(key.networks, parent.networks):
        key.networks = parent.networks
    if parent.origins:
        common = parse_origins(key.origins) & parse_origins(parent.origins)
        key.origins = " ".join(sorted(common)) or parent.origins
    key.rate = parent.rate or key.rate
    key.on_leak = stricter(key.on_leak, parent.on_leak)
    if not _lives_no_longer(key, parent):
        key.expires_at = parent.expires_at


def _is_bound_as(key: APIKey, parent: APIKey) -> bool:
    """Whether `key` can do no more than `parent`, and is restricted at least as it is. How long it lives is another question."""
    return (
        _opens_no_more(key, parent)
        and parent.dpop_jkt in {"", key.dpop_jkt}
        and (not parent.networks or _lies_within(key.networks, parent.networks))
        and (not parent.origins or (bool(key.origins) and parse_origins(key.origins) <= parse_origins(parent.origins)))
        and (not parent.rate or key.rate == parent.rate)
    )


def _lives_no_longer(key: APIKey, parent: APIKey) -> bool:
    return parent.expires_at is None or (key.expires_at is not None and key.expires_at <= parent.expires_at)


def _opens_no_more(key: APIKey, parent: APIKey) -> bool:
    return core_scopes.registry.expand(key.scopes) <= core_scopes.registry.expand(parent.scopes)


def _lies_within(own: str, bound: str) -> bool:
    """Whether every network of `own` lies in one of `bound`; no network at all is every address."""
    allowed = parse_networks(bound)
    networks = parse_networks(own)
    return bool(networks) and all(
        any(net.version == big.version and net.subnet_of(big) for big in allowed)  # type: ignore[arg-type]
        for net in networks
    )
