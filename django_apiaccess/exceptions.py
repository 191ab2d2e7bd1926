"""Errors of the app, one tree. Each carries data; the text is for people.

What a caller of the API sees is made in `authn.responses` from these; where a difference would help an attacker, the
answer is constant and only the event has the true `reason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .core.reasons import Reason


class APIAccessError(Exception):
    """Base of every error this app raises on purpose."""


class InvalidCredential(APIAccessError):
    """A credential was presented and refused.

    `reason` is the true cause; `credential_id`, `credential_label` and `principal_id` say whose it is, as far as known. `foreign` says that
    by its form the text may as well be another package's, so that the project's next authenticator may try it.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        kind: str = "",
        credential_id: str = "",
        credential_label: str = "",
        principal_id: object = None,
        foreign: bool = False,
    ) -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
        self.detail = detail
        self.kind = kind
        self.credential_id = credential_id
        self.credential_label = credential_label
        self.principal_id = principal_id
        self.foreign = foreign


class InvalidChange(APIAccessError):
    """A change of keys, roles or grants that is not possible; the message says how to fix it."""

    code = "invalid"

    def __init__(self, message: str, *, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code:
            self.code = code


class UnknownName(InvalidChange):
    """A scope, role, user or permission that does not exist; the message names the nearest one."""

    code = "unknown"


class NotAnswerable(InvalidChange):
    """A question about a request to a view that decides in a way of its own: only a live request shows what it answers."""

    code = "not_answerable"


class NotHeld(InvalidChange):
    """Somebody tried to give more than they hold. `missing` names what they lack."""

    code = Reason.NOT_HELD.value

    def __init__(self, message: str, missing: Iterable[str] = (), *, field: str = "") -> None:
        super().__init__(message, field=field)
        self.missing = tuple(sorted(missing))


class ApprovalRequired(InvalidChange):
    """A key that another person must approve first (`API_ACCESS["APPROVALS"]`). `key` is what was asked for, not saved."""

    code = "approval_required"

    def __init__(self, message: str, key: Any = None, *, field: str = "justification") -> None:
        super().__init__(message, field=field)
        self.key = key


class FourEyes(InvalidChange):
    """Somebody may not decide on this request: it is their own, or they lack what it asks for."""

    code = Reason.FOUR_EYES.value


class DutiesConflict(InvalidChange):
    """Two roles that exclude each other would meet in one principal (static separation of duty)."""

    code = Reason.DUTIES_CONFLICT.value


class RoleCycle(InvalidChange):
    """A role would inherit from itself."""

    code = "role_cycle"


class Conflict(InvalidChange):
    """Somebody else changed the same thing at the same moment; nothing was done."""

    code = "conflict"


class InvalidGrant(APIAccessError):
    """A refresh or a log-in that cannot give tokens; `code` is that of RFC 6749 section 5.2."""

    def __init__(self, code: str, message: str = "The refresh token is not valid.") -> None:
        super().__init__(message)
        self.code = code


class InvalidProof(APIAccessError):
    """A request for tokens whose DPoP proof does not hold, or that lacks one; `code` is that of RFC 9449 section 5 or 8.

    The message is plain ASCII, for the client. `headers` belong to the answer.
    """

    def __init__(self, message: str, code: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers)


class TooManyFailures(APIAccessError):
    """Too many failed attempts: nothing was checked. `wait` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many failed attempts")
        self.wait = wait


class MFARequired(APIAccessError):
    """The password is right, and alone not enough for this account.

    `token` is the text with which the log-in goes on, and opens nothing else; `methods` are the factors that may be proven. `enrolment`:
    there is none yet, and the policy wants one.
    """

    def __init__(
        self, user: object, *, token: str = "", methods: tuple[Any, ...] = (), enrolment: bool = False
    ) -> None:
        super().__init__("a second factor is required")
        self.user = user
        self.token = token
        self.methods = methods
        self.enrolment = enrolment


class IssuerUnavailable(APIAccessError):
    """The keys of a trusted issuer cannot be had: its tokens can be neither accepted nor refused for what they are."""
