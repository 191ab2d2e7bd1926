"""Access tokens that proved right a moment ago (`CACHE_SECONDS`), so that a busy client's token is not verified at each request."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..roles.principal import RowMemory
from .lookup import SessionRow


class RememberedToken(NamedTuple):
    """A session's row and the claims of the token that was verified with it."""

    row: SessionRow
    claims: dict[str, Any]

    @property
    def policy_generation(self) -> int | None:
        return self.row.policy_generation

    @property
    def credentials_generation(self) -> int | None:
        return self.row.credentials_generation


remembered: Final[RowMemory[RememberedToken]] = RowMemory()
