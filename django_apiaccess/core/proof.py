"""What somebody proved of who they are, and when (RFC 8176 `amr`, RFC 9470 `acr`, OpenID Connect `auth_time`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Proof:
    """Methods, level and time of one authentication. `auth_time` is aware."""

    amr: tuple[str, ...]
    acr: str
    auth_time: datetime

    def also(self, amr: tuple[str, ...], acr: str, at: datetime) -> Proof:
        """This proof with another factor's beside it, given at `at`: the methods of both, and `mfa`.

        The level is the new factor's alone: a stronger one that was proven before is not fresh, and `auth_time` says that it is.
        """
        methods = dict.fromkeys((*(method for method in self.amr if method != MULTIPLE), *amr, MULTIPLE))
        return Proof(tuple(methods), acr, at)


MULTIPLE: Final = "mfa"
"""RFC 8176: more than one factor was used."""
