"""Who may take control of a client: nobody gets into their hands what may do more than they can (the one rule, for clients)."""

from __future__ import annotations

from typing import Final

from ...events.source import Actor
from ...exceptions import NotHeld
from ...roles import delegation
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

PROOF: Final = frozenset({"auth_method", "jwks", "jwks_uri"})
"""With what it proves itself."""


def check(client: OAuthClient, was: OAuthClient | None, by: Actor) -> None:
    """Raise `NotHeld` where the change would give the actor a client that may do more than they; `FourEyes` as `check_taking`.

    `was`: the client before; None for a new one, whose scopes were checked already.
    """
    touched = [name for name in CONTROL if was is None or getattr(client, name) != getattr(was, name)]
    if was is not None and PROOF & {*touched}:
        approval.check_takes(client, by)
    if not touched or delegation.access_of(by) is None:
        return
    _check_trust(client, by, was)
    if was is not None:
        field = touched[0].removesuffix("_id")
        delegation.check_scopes(by, api_scopes(client.scopes | was.scopes), field=field)


def check_taking(client: OAuthClient, by: Actor) -> None:
    """Raise `NotHeld` where the actor, who is about to learn a secret of the client, holds less than it may ask for.

    `FourEyes` where what it may do by itself needs another person's approval, and it speaks for somebody else's service account.
    """
    approval.check_takes(client, by)
    if delegation.access_of(by) is not None:
        _check_trust(client, by, client)
        delegation.check_scopes(by, api_scopes(client.scopes), field="")


def _check_trust(client: OAuthClient, by: Actor, was: OAuthClient | None) -> None:
    """A trusted client gets other people's data unasked: no right of one's own is worth that."""
    if client.trusted or (was is not None and was.trusted):
        raise NotHeld(
            f"{by.label} cannot take part in a trusted client, which asks nobody for consent: a superuser can, or a command.",
            ["trusted"],
            field="trusted",
        )
