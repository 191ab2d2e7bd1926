"""What a client is told: the errors of RFC 6749 section 5.2 and its extensions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class OAuthError(Exception):
    """A refusal with its code on the wire. `description` is ASCII without quotes and backslashes (RFC 6749 section 5.2).

    It is raised before anything is written, or caught where it must not undo what was written.
    """

    error: str
    description: str = ""
    status: int = 400
    headers: dict[str, str] = field(default_factory=dict)
    redirect_uri: str = ""
    """Where it may be told by a redirect; empty: nowhere."""

    def __post_init__(self) -> None:
        super().__init__(f"{self.error}: {self.description}")
        self.description = "".join(
            char if " " <= char <= "~" and char not in '"\\' else "?" for char in self.description
        )

    def body(self) -> dict[str, str]:
        """The JSON members."""
        return {"error": self.error} | ({"error_description": self.description} if self.description else {})


class UnverifiedRequest(OAuthError):
    """An authorization request whose client or redirect URI is not right: told on a page, never by a redirect (RFC 9700 section 4.11)."""
