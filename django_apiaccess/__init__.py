"""Access control for Django REST Framework APIs: who is calling, what they may do, how credentials live and die.

Everything is imported on first use, so that `import django_apiaccess` costs nothing and works before Django is set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.access import Access as Access
    from .core.decision import Decision as Decision
    from .core.requirement import AUTHENTICATED as AUTHENTICATED
    from .core.requirement import FIRST_PARTY as FIRST_PARTY
    from .core.requirement import PUBLIC as PUBLIC
    from .core.requirement import HasMFA as HasMFA
    from .core.requirement import HasPermission as HasPermission
    from .core.requirement import HasRole as HasRole
    from .core.requirement import HasScope as HasScope
    from .core.scopes import declare_scope as declare_scope
    from .permissions import require_access as require_access

__version__ = "0.1.0"

_HOMES = {
    "Access": "core.access",
    "Decision": "core.decision",
    "AUTHENTICATED": "core.requirement",
    "FIRST_PARTY": "core.requirement",
    "PUBLIC": "core.requirement",
    "HasMFA": "core.requirement",
    "HasPermission": "core.requirement",
    "HasRole": "core.requirement",
    "HasScope": "core.requirement",
    "declare_scope": "core.scopes",
    "require_access": "permissions",
}

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604 - the names are those of _HOMES


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
