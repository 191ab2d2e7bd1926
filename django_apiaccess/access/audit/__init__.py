"""The audit's rules about endpoints, settings and dependencies: a module each, registered by being imported."""

from . import (  # noqa: F401 - each registers its rules
    browser,
    bypass,
    declared,
    dependencies,
    limits,
    neighbours,
    objects,
    openness,
    operation,
    plain,
    project,
    scopes,
    secrets,
    transport,
)
