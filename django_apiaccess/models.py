"""The models of every feature, at the place where Django looks. One line a feature."""

from .audit.models import AuditRun
from .authn.models import FailureCounter, RateCounter, UsedProof
from .events.models import Checkpoint, Delivered, Event, SealedTo
from .keys.approvals.models import KeyRequest
from .keys.models import APIKey, APIKeySecret, ScopeUse, ServiceAccount
from .mfa.models import MFAChallenge, MFADuty, RecoveryCode, SMSFactor, TOTPFactor, TrustedDevice
from .reviews.models import Reminder
from .roles.models import Generation, Grant, Role, Scope, SeparationOfDuty
from .tokens.models import LinkedIdentity, RefreshToken, SigningKey, TokenSession

__all__ = [
    "APIKey",
    "APIKeySecret",
    "AuditRun",
    "Checkpoint",
    "Delivered",
    "Event",
    "FailureCounter",
    "Generation",
    "Grant",
    "KeyRequest",
    "LinkedIdentity",
    "MFAChallenge",
    "MFADuty",
    "RateCounter",
    "RecoveryCode",
    "RefreshToken",
    "Reminder",
    "Role",
    "SMSFactor",
    "Scope",
    "ScopeUse",
    "SealedTo",
    "SeparationOfDuty",
    "ServiceAccount",
    "SigningKey",
    "TOTPFactor",
    "TokenSession",
    "TrustedDevice",
    "UsedProof",
]
