"""What becomes of a key that leaked: revoked, retired or only told of, by the key itself or by the setting."""

from __future__ import annotations

from ..conf import ON_LEAK, access_settings
from ..events.source import Actor
from ..exceptions import NotHeld
from .models import APIKey

FIELD = "on_leak"


def policy_of(on_leak: str) -> str:
    """The policy that a key's own word stands for: `revoke`, `retire` or `notify`; empty is what `LEAKS["ON_LEAK"]` says."""
    return on_leak or str(access_settings.LEAKS["ON_LEAK"])


def stricter(one: str, other: str) -> str:
    """The stricter of two keys' own words, as it is written; the first where they come to the same."""
    return other if _rank(other) < _rank(one) else one


def check_choice(key: APIKey, before: str, *, by: Actor, by_key: bool) -> None:
    """Raise `NotHeld` when a caller of the API makes the policy laxer than the setting; with a key (which may be the one that leaked)
    also when it gets laxer than it was. The admin and commands may set any.
    """
    if by.access is None or key.on_leak == before:
        return
    least = min(_rank(""), _rank(before)) if by_key else _rank("")
    if _rank(key.on_leak) > least:
        raise NotHeld(
            f"A key that leaks must at least be treated as {ON_LEAK[least]!r} here. Choose that, a stricter one, or ask an administrator.",
            field=FIELD,
        )


def _rank(on_leak: str) -> int:
    return ON_LEAK.index(policy_of(on_leak)) if policy_of(on_leak) in ON_LEAK else 0
