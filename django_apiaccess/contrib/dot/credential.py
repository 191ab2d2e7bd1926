"""An access token of django-oauth-toolkit as a credential, until it is dead. Nothing of DOT is changed by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

from ...authn.kinds import Client, Presented
from ...authn.possession import confirm
from ...conf import access_settings
from ...core import secrets
from ...core.access import FIRST_PARTY_CLIENT, Access, CredentialRef
from ...core.reasons import Reason
from ...exceptions import InvalidCredential
from .lookup import TokenRow, load
from .options import DOTTokens, dot_tokens

KIND: Final = "dot"
REGISTRATION_SCOPE: Final = "oauth2_provider:registration"
"""What DOT calls the scope of tokens that manage a registered client (RFC 7592), unless its settings say otherwise."""


class DOTKind:
    """Enabled by the setting `DOT` alone. The access has scopes; nothing is known of how its user logged in."""

    name = KIND
    challenge = "Bearer"

    def recognises(self, presented: Presented) -> bool:
        return presented.scheme == "bearer" and dot_tokens() is not None

    def authenticate(self, presented: Presented, client: Client) -> Access:
        tokens = dot_tokens()
        if tokens is None:
            raise InvalidCredential(
                Reason.UNTRUSTED_ISSUER,
                "tokens of django-oauth-toolkit are not accepted any more",
                kind=KIND,
                foreign=True,
            )
        row = load(presented.value, tokens.service_accounts)
        if row is None:
            raise InvalidCredential(Reason.UNKNOWN, "no such token, or it was revoked", kind=KIND, foreign=True)
        now = timezone.now()
        check(row, tokens, now)
        credential = reference(row)
        confirm(
            presented,
            client,
            "",
            kind=KIND,
            demanded=access_settings.DPOP_REQUIRED,
            credential_id=credential.id,
            credential_label=credential.label,
            principal_id=row.principal_id,
        )
        return row.access(
            credential,
            granted=tokens.granted(row.scope),
            now=now,
            client_id=row.application_client_id,
            expires_at=aware(row.expires_at),
            can_step_up=row.user_id is not None,
        )


def check(row: TokenRow, tokens: DOTTokens, now: datetime) -> None:
    """Raise the first reason why a token that exists may not be used now, here."""
    if row.expires_at is None or row.expires_at <= now:
        raise refusal(row, Reason.EXPIRED)
    if row.application_id is None:
        raise refusal(row, Reason.UNTRUSTED_ISSUER, "it has no application: another server made it")
    if row.application_client_id == FIRST_PARTY_CLIENT:
        raise refusal(row, Reason.OTHER_CLIENT, "its application has the name of our own log-in")
    if not row.application_is_active:
        raise refusal(row, Reason.REVOKED, "its application is switched off")
    if registration_scope() in row.scope.split():
        raise refusal(row, Reason.BAD_CLAIMS, "it manages the registration of a client, and opens no API")
    if not tokens.concerns(row.resource):
        raise refusal(row, Reason.BAD_CLAIMS, "it is for another resource")
    if row.principal_id is None:
        detail = f"{row.application_client_id} has no service account: name it in API_ACCESS['DOT']['SERVICE_ACCOUNTS']"
        raise refusal(row, Reason.NO_LINKED_USER, detail)
    if not row.is_active:
        raise refusal(row, Reason.PRINCIPAL_INACTIVE)


def registration_scope() -> str:
    """DOT's scope of registration tokens. They live for thousands of years, and are no access tokens."""
    from oauth2_provider.settings import oauth2_settings

    return str(getattr(oauth2_settings, "DCR_REGISTRATION_SCOPE", "") or REGISTRATION_SCOPE)


def reference(row: TokenRow) -> CredentialRef:
    """Which token: the id of its row, and the name of its application, which callers of DOT may have chosen."""
    name = secrets.without_keys(row.application_name or row.application_client_id or "")
    return CredentialRef(KIND, str(row.token_id), f"token of {name}"[:100])


def aware(moment: datetime | None) -> datetime | None:
    """`moment` with a time zone, also in a project without `USE_TZ`."""
    if moment is None or timezone.is_aware(moment):
        return moment
    return timezone.make_aware(moment).astimezone(UTC)


def refusal(row: TokenRow, reason: Reason, detail: str = "") -> InvalidCredential:
    """The error for a token that was found."""
    found = reference(row)
    return InvalidCredential(
        reason,
        detail,
        kind=KIND,
        credential_id=found.id,
        credential_label=found.label,
        principal_id=row.principal_id,
    )
