"""Who may take control of a client: nobody gets into their hands what may do more than they can (the one rule, for clients)."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from ...events.source import Actor
from ...exceptions import NotHeld
from ...roles import delegation
from ...roles.policy import active_rights, current_policy
from ...roles.rights import grant_rows
from . import approval
from .identity import api_scopes
from .models import OAuthClient

CONTROL: Final = (
    "redirect_uris",
    "grant_types",
    "auth_method",
    "jwks",
    "jwks_uri",
    "service_account_id",
    "trusted",
)
"""Where codes go, how the client proves itself, and for whom it speaks: who sets these can act as the client."""
INTROSPECT: Final = "tokens:introspect"


def touched(client: OAuthClient, was: OAuthClient | None) -> list[str]:
    """The fields of `CONTROL` that differ."""
    return [name for name in CONTROL if was is None or getattr(client, name) != getattr(was, name)]


def loosened(client: OAuthClient, was: OAuthClient) -> list[str]:
    """What gives no control, but lets the client do more, or with less of a proof, than it `was` let."""
    found = {
        "is_active": client.is_active and not was.is_active,
        "dpop_required": was.dpop_required and not client.dpop_required,
        "par_required": was.par_required and not client.par_required,
        "may_introspect": client.may_introspect and not was.may_introspect,
        "audiences": bool(set(client.audiences.split()) - set(was.audiences.split())),
    }
    return [name for name, looser in found.items() if looser]


PROOF: Final = frozenset({"auth_method", "jwks", "jwks_uri"})
"""With what it proves itself."""


def check(client: OAuthClient, was: OAuthClient | None, by: Actor) -> None:
    """Raise `NotHeld` where the change would give the actor a client that may do more than they; `FourEyes` as `check_taking`.

    `was`: the client before; None for a new one, whose scopes were checked already.
    """
    fields = touched(client, was)
    if was is not None and PROOF & {*fields}:
        approval.check_takes(client, by)
    names = fields or (loosened(client, was) if was is not None else [])
    if not names or delegation.access_of(by) is None:
        return
    _check_trust(client, by, was)
    scopes = frozenset() if was is None else client.scopes | was.scopes
    _check_reach(client, by, scopes, field="" if was is None else names[0].removesuffix("_id"))


def check_taking(client: OAuthClient, by: Actor) -> None:
    """Raise `NotHeld` where the actor, who is about to learn a secret of the client, holds less than it may ask for.

    `FourEyes` where what it may do by itself needs another person's approval, and it speaks for somebody else's service account.
    """
    approval.check_takes(client, by)
    if delegation.access_of(by) is not None:
        _check_trust(client, by, client)
        _check_reach(client, by, client.scopes, field="")


def _check_reach(client: OAuthClient, by: Actor, scopes: frozenset[str], *, field: str) -> None:
    """Within its scopes a client reaches what its service account may: also what asks for a role, and no scope. One that may inspect
    tokens learns whose they are.
    """
    if client.may_introspect:
        delegation.check_scopes(by, [INTROSPECT], field=field or "may_introspect")
    delegation.check_scopes(by, api_scopes(scopes), field=field)
    if client.service_account is not None:
        user = client.service_account.user
        rights = active_rights(grant_rows(user), timezone.now())  # of one that is off too: it can be switched on
        held = current_policy().held(rights, superuser=bool(getattr(user, "is_superuser", False)))
        delegation.check_inherited(by, held.roles, field=field or "service_account")


def _check_trust(client: OAuthClient, by: Actor, was: OAuthClient | None) -> None:
    """A trusted client gets other people's data unasked: no right of one's own is worth that."""
    if client.trusted or (was is not None and was.trusted):
        raise NotHeld(
            f"{by.label} cannot take part in a trusted client, which asks nobody for consent: a superuser can, or a command.",
            ["trusted"],
            field="trusted",
        )
