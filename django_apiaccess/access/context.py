"""What is imagined around a request that nobody sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

from ..core.assurance import MULTI_FACTOR, rank
from ..exceptions import InvalidChange

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9990
"""Later, ends that are worked out from it (a time zone, a lifetime) are no dates any more."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request comes from, when, and how its caller logged in.

    `acr` None: as strongly as a complete log-in of that caller is. `auth_age` is in seconds. `secure`: over TLS. `at` None: now.
    """

    address: str = ""
    origin: str = ""
    secure: bool = True
    acr: str | None = None
    auth_age: int = 0
    at: datetime | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidChange` for moments that no clock knows."""
        if not 0 <= self.auth_age <= time.time():
            raise InvalidChange("A log-in cannot be that long ago: write an age as 10m or 2h.", field="auth_age")
        if self.at is not None and not FIRST_YEAR < self.at.year < LAST_YEAR:
            raise InvalidChange(f"A request is asked for between {FIRST_YEAR} and {LAST_YEAR}.", field="at")

    @property
    def now(self) -> datetime:
        """The moment for which rights and ends are asked."""
        return self.at or timezone.now()

    @property
    def auth_time(self) -> datetime:
        """When the caller logged in. Ages are counted from the real clock, whatever `at` says."""
        return datetime.fromtimestamp(int(time.time()) - self.auth_age, UTC)

    def assurance(self, *, multi_factor: bool) -> str:
        """The acr of the log-in. `multi_factor`: the caller has a second factor, which a complete log-in proves."""
        return self.acr if self.acr is not None else MULTI_FACTOR if multi_factor else "aal1"

    @property
    def is_strong(self) -> bool:
        """Whether a second factor is said to be proven."""
        return self.acr is not None and rank(self.acr) >= rank(MULTI_FACTOR)
