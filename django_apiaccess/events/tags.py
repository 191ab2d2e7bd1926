"""What happens: the closed catalogue of event actions, `<thing>.<what happened to it>`."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Every kind of line that the audit log can hold."""

    KEY_CREATED = "key.created"
    KEY_CHANGED = "key.changed"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    KEY_IMPORTED = "key.imported"
    KEY_UPGRADED = "key.upgraded"
    KEY_DELETED = "key.deleted"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_CHANGED = "service_account.changed"
    ROLE_CREATED = "role.created"
    ROLE_CHANGED = "role.changed"
    ROLE_DELETED = "role.deleted"
    SEPARATION_CREATED = "separation.created"
    SEPARATION_CHANGED = "separation.changed"
    SEPARATION_DELETED = "separation.deleted"
    GRANT_GIVEN = "grant.given"
    GRANT_TAKEN = "grant.taken"
    SCOPES_SYNCED = "scopes.synced"
    PRUNED = "access.pruned"
    SESSION_BEGUN = "session.begun"
    SESSION_ENDED = "session.ended"
    REFRESH_REFUSED = "refresh.refused"
    REFRESH_REPLAYED = "refresh.replayed"
    LOGIN_REFUSED = "login.refused"
    SIGNING_KEY_MADE = "signing_key.made"
    SIGNING_KEY_COMPROMISED = "signing_key.compromised"
    SIGNING_KEYS_RESEALED = "signing_keys.resealed"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    CREDENTIAL_REFUSED = "credential.refused"
    ACCESS_DENIED = "access.denied"
    CHANGE_REFUSED = "change.refused"
