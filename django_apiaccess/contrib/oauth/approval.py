"""Clients that need another person's approval: those that speak for a service account, with a secret that is as good as a key."""

from __future__ import annotations

from typing import Any, Final

from ...events.source import Actor
from ...exceptions import ApprovalRequired
from ...keys.approvals import deciders, policy
from .identity import api_scopes
from .models import OAuthClient

ALONE: Final = "client_credentials"


def check(client: OAuthClient, was: OAuthClient | None, approved_by: Any) -> None:
    """Raise `ApprovalRequired` where `client` could do by itself what the policy guards, and could not as it `was`.

    Grants that a person gives are not asked for: each session is theirs, within their rights, and ends with their consent.
    `approved_by`: who approved it. Raises `FourEyes` where that person may not.
    """
    account = client.service_account
    if not policy.active() or ALONE not in client.grant_types.split() or account is None:
        return
    same = was is not None and ALONE in was.grant_types.split() and was.service_account_id == account.pk
    if was is not None and same and client.scopes <= was.scopes:
        return
    scopes = api_scopes(client.scopes)
    reason = policy.why(account.user, scopes)
    if not reason:
        return
    if approved_by is None:
        raise ApprovalRequired(
            f"Another person must approve this client because of {reason}. Name them with create_oauth_client --approved-by.",
            field="scopes",
        )
    deciders.check_named(approved_by, principal=account.user, scopes=scopes)


def check_takes(client: OAuthClient, by: Actor) -> None:
    """Raise `FourEyes` where the actor alone would get a secret with which they could do by themselves what the policy guards."""
    account = client.service_account
    if ALONE in client.grant_types.split() and account is not None:
        policy.check_takes(account.user, api_scopes(client.scopes), by)
