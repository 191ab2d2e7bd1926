"""The audit's rules about roles and grants: a module each, registered by being imported."""

from . import grants, power, roles  # noqa: F401 - each registers its rules
