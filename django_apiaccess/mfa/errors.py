"""What can go wrong between a log-in and its second factor. Each says what a client is told; the true cause is in the event."""

from __future__ import annotations

from ..exceptions import APIAccessError


class MFAError(APIAccessError):
    """Base. `code` is the stable word of the answer, `status` its HTTP status."""

    code = "invalid_request"
    status = 400
    message = "This is not possible."

    def __init__(self, message: str = "", *, wait: float = 0.0) -> None:
        super().__init__(message or self.message)
        self.wait = wait


class InvalidChallenge(MFAError):
    """The mfa_token is unknown, used, expired, tried too often, or for something else. One answer for all."""

    code = "invalid_mfa_token"
    status = 401
    message = "The mfa_token is not valid any more. Log in again."


class WrongCode(MFAError):
    """Wrong, expired and used codes, and answers of a passkey that do not fit: one answer for all."""

    code = "invalid_code"
    message = "That is not right. Check it and try again."


class NoSuchMethod(MFAError):
    """A method or factor that the user does not have, or that is not enabled."""

    code = "unknown_method"
    message = "There is no such method for this account. Choose one of the list."


class NotSent(MFAError):
    """The code could not be sent; other methods still work."""

    code = "sms_not_sent"
    status = 503
    message = "The code could not be sent. Try again later, or choose another method."


class SendingLimited(MFAError):
    """Too many codes were sent already."""

    code = "too_many_messages"
    status = 429
    message = "Too many codes were sent. Wait, or choose another method."


class FactorExists(MFAError):
    """A first factor was to be added with a password alone, and meanwhile there is one."""

    code = "factor_exists"
    status = 409
    message = "This account has a second factor by now. Prove it first, then add another one."


class LastFactor(MFAError):
    """The policy wants a second factor of this account, and this is the last one."""

    code = "last_factor"
    status = 409
    message = "This account must keep a second factor. Add another one first."
