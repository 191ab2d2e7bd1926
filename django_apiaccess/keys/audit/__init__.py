"""The audit's rules about API keys, service accounts, and what peers' tables still hold: a module each, registered by being imported."""

from . import accounts, exposure, life, peers, reach, secrets, use  # noqa: F401 - each registers its rules
