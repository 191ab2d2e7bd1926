"""Token sessions, signing keys and linked identities in the admin."""

from .admin_keys import LinkedIdentityAdmin, SigningKeyAdmin
from .admin_sessions import TokenSessionAdmin

__all__ = ["LinkedIdentityAdmin", "SigningKeyAdmin", "TokenSessionAdmin"]
