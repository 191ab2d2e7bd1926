"""Why something was refused: the closed vocabulary of decisions and events."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A stable word for the true cause of a refusal.

    The caller sees the word only where it gives nothing away (see `exceptions`); the event always holds it.
    """

    # -- the request
    NO_CREDENTIAL = "no_credential"
    AMBIGUOUS_CREDENTIALS = "ambiguous_credentials"
    CREDENTIAL_IN_QUERY = "credential_in_query"
    INSECURE_TRANSPORT = "insecure_transport"
    # -- the credential
    MALFORMED = "malformed"
    CHECKSUM = "checksum"
    UNRECOGNISED = "unrecognised"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"
    PEPPER_MISSING = "pepper_missing"
    EXPIRED = "expired"
    SECRET_RETIRED = "secret_retired"
    REVOKED = "revoked"
    PRINCIPAL_INACTIVE = "principal_inactive"
    NETWORK = "network_not_allowed"
    ORIGIN = "origin_not_allowed"
    RATE = "rate_limited"
    CSRF = "csrf_failed"
    BAD_SIGNATURE = "bad_signature"
    BAD_CLAIMS = "bad_claims"
    UNKNOWN_KEY = "unknown_key"
    UNTRUSTED_ISSUER = "untrusted_issuer"
    NO_LINKED_USER = "no_linked_user"
    PASSWORD_CHANGED = "password_changed"
    OTHER_CLIENT = "other_client"
    REPLAYED = "replayed"
    CLONE_SUSPECTED = "clone_suspected"
    WRONG_CODE = "wrong_code"
    NOT_SENT = "not_sent"
    MFA_ENROLLMENT_REQUIRED = "mfa_enrollment_required"
    PROOF_MISSING = "proof_missing"
    BAD_PROOF = "bad_proof"
    NONCE_MISSING = "nonce_missing"
    OTHER_KEY = "other_key"
    NOT_BOUND = "not_bound"
    TOO_MANY_FAILURES = "too_many_failures"
    MFA_REQUIRED = "mfa_required"
    # -- the requirement
    UNDECLARED = "undeclared"
    SCOPE_MISSING = "scope_missing"
    ROLE_MISSING = "role_missing"
    PERMISSION_MISSING = "permission_missing"
    OBJECT = "object_not_granted"
    SCOPE_REQUIRED = "scope_required"
    MFA_MISSING = "mfa_missing"
    MFA_TOO_OLD = "mfa_too_old"
    MFA_IMPOSSIBLE = "mfa_impossible"
    # -- changes
    NOT_HELD = "not_held"
    DUTIES_CONFLICT = "duties_conflict"
    FOUR_EYES = "four_eyes"
