"""The models of every feature, at the place where Django looks. One line a feature."""

from .authn.models import RateCounter
from .events.models import Event
from .keys.models import APIKey, APIKeySecret, ServiceAccount
from .roles.models import Generation, Grant, Role, Scope, SeparationOfDuty

__all__ = [
    "APIKey",
    "APIKeySecret",
    "Event",
    "Generation",
    "Grant",
    "RateCounter",
    "Role",
    "Scope",
    "SeparationOfDuty",
    "ServiceAccount",
]
