"""The answers that log-in, step-up and enrolment share."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import status
from rest_framework.response import Response

from ..authn import responses
from ..exceptions import (
    APIAccessError,
    InvalidChange,
    InvalidCredential,
    InvalidGrant,
    MFARequired,
    TooManyFailures,
    UnknownName,
)
from ..mfa import challenges
from ..mfa.errors import MFAError
from ..mfa.methods import FactorRef
from ..tokens.endpoint import refusal
from .service import ENROLMENT_LIFETIME


def device_of(request: Any) -> str:
    """What the client says that it is, fit for a list and a database."""
    told = str(request.META.get("HTTP_USER_AGENT", ""))
    return "".join(char for char in told if char.isprintable())[:150]


def too_many(error: TooManyFailures) -> Response:
    """429, the same for any account."""
    seconds = max(1, math.ceil(error.wait))
    detail = f"Too many failed attempts. Try again in {seconds} seconds."
    return refusal("too_many_failures", detail, status.HTTP_429_TOO_MANY_REQUESTS, **{"Retry-After": str(seconds)})


def mfa_required(error: MFARequired) -> Response:
    """403: the log-in goes on with `mfa_token`, by a second factor or, where there is none yet, by adding one."""
    lifetime = ENROLMENT_LIFETIME if error.enrolment else challenges.LIFETIME
    told: dict[str, Any] = {
        "detail": "This account must add a second factor first: enrol with this mfa_token in the body."
        if error.enrolment
        else "This account asks for a second factor.",
        "code": "mfa_enrollment_required" if error.enrolment else "mfa_required",
        "mfa_token": error.token,
        "expires_in": int(lifetime.total_seconds()),
    }
    if not error.enrolment:
        told["methods"] = [method_fields(factor) for factor in error.methods]
    return Response(told, status=status.HTTP_403_FORBIDDEN)


def method_fields(factor: FactorRef) -> dict[str, Any]:
    """A factor as a choice: what it is, and enough for its owner to tell which."""
    return {"id": factor.id, "type": factor.type, "name": factor.name, "hint": factor.hint}


def refused(error: APIAccessError) -> Response:
    """The answer to whatever goes wrong on the way."""
    if isinstance(error, TooManyFailures):
        return too_many(error)
    if isinstance(error, MFARequired):
        return mfa_required(error)
    if isinstance(error, InvalidCredential):
        answer = responses.INVALID_LOGIN
        return refusal(answer.code, answer.detail, answer.status, **{"WWW-Authenticate": answer.challenge})
    if isinstance(error, MFAError):
        headers = {"Retry-After": str(max(1, math.ceil(error.wait)))} if error.wait else {}
        if error.status == status.HTTP_401_UNAUTHORIZED:
            headers["WWW-Authenticate"] = responses.invitation()
        return refusal(error.code, str(error), error.status, **headers)
    if isinstance(error, InvalidGrant | UnknownName):
        return refusal("invalid_scope", str(error), status.HTTP_400_BAD_REQUEST)
    if isinstance(error, InvalidChange):
        response = refusal(error.code, str(error), status.HTTP_400_BAD_REQUEST)
        if error.field:
            response.data["field"] = error.field
        return response
    raise error
