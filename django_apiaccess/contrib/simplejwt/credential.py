"""An old access token of simplejwt as a credential, until it is dead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...authn.kinds import Client, Presented
from ...authn.possession import confirm
from ...conf import access_settings
from ...core import compact
from ...core import scopes as core_scopes
from ...core.access import Access, CredentialRef
from ...core.reasons import Reason
from ...exceptions import InvalidCredential
from ...roles.ceiling import put_ceiling
from ...roles.policy import current_policy
from ...roles.rights import PrincipalRights, build_access, held_by
from .exchange import check_not_ended, is_spent, token_id
from .legacy import ACCESS, KIND, legacy_tokens


class LegacyJWTKind:
    """Enabled with `jwt` where `LEGACY_JWT` is set. The access has scopes, as every JWT's; nothing is known of how its user logged in."""

    name = KIND
    challenge = "Bearer"

    def recognises(self, presented: Presented) -> bool:
        if presented.scheme != "bearer" or not compact.looks_like_jwt(presented.value):
            return False
        tokens = legacy_tokens()
        return tokens is not None and tokens.made(presented.value)

    def authenticate(self, presented: Presented, client: Client) -> Access:
        tokens = legacy_tokens()
        if tokens is None:
            raise InvalidCredential(Reason.UNTRUSTED_ISSUER, "old tokens are not accepted any more", kind=KIND)
        claims = tokens.verified(presented.value, ACCESS)
        jti = tokens.jti(claims)
        user = tokens.user(claims)
        credential = CredentialRef(KIND, token_id(jti), "token of simplejwt")
        check_not_ended(user, claims)
        if is_spent(jti):
            raise InvalidCredential(
                Reason.REVOKED, "blacklisted", kind=KIND, credential_id=credential.id, principal_id=user.pk
            )
        confirm(
            presented,
            client,
            "",
            kind=KIND,
            demanded=access_settings.DPOP_REQUIRED,
            credential_id=credential.id,
            credential_label=credential.label,
            principal_id=user.pk,
        )
        policy = current_policy()
        held = held_by(user, policy=policy)
        granted = held.scopes | held.object_scopes if tokens.scopes is None else tokens.scopes
        access = build_access(
            user,
            credential,
            policy=policy,
            held=held,
            granted=core_scopes.registry.reduce(granted),
            can_step_up=True,
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
        user.__dict__["_apiaccess_rights"] = PrincipalRights(user, policy, held, None)
        rights: Any = access.rights
        put_ceiling(user, rights)
        return access
