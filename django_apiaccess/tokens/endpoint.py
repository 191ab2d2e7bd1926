"""What the token endpoints share: strict bodies, JSON answers that nobody stores, and one form of refusal."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.http import Http404
from django.utils.decorators import method_decorator
from rest_framework.exceptions import APIException, ErrorDetail, NotFound, ParseError, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..authn.parsers import StrictFormParser, StrictJSONParser
from ..core.requirement import PUBLIC
from ..edge import refuse_insecure
from ..exceptions import InvalidProof
from ..permissions import HasAccess

INVALID_REQUEST: Final = "invalid_request"


def refusal(code: str, detail: str, http_status: int, **headers: str) -> Response:
    """A refusal as an answer, not as an exception: DRF would roll the failure counters back with the request."""
    return Response({"detail": detail, "code": code}, status=http_status, headers=headers)


def proof_refused(error: InvalidProof) -> Response:
    """400 `invalid_dpop_proof` or `use_dpop_nonce` (RFC 9449 sections 5 and 8)."""
    text = str(error)
    return refusal(error.code, f"{text[:1].upper()}{text[1:]}.", 400, **error.headers)


class Unstored(APIView):
    """Answers that no cache keeps, errors included (RFC 6749 section 5.1, ASVS 14.3.2), each error with its `code`."""

    renderer_classes = (JSONRenderer,)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "no-store", "Pragma": "no-cache"}

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, InvalidProof):
            return proof_refused(exc)
        if isinstance(exc, Http404):
            exc = NotFound()
        if isinstance(exc, ValidationError):
            exc = _unfit(exc)
        elif isinstance(exc, APIException) and isinstance(exc.detail, ErrorDetail):
            code = INVALID_REQUEST if isinstance(exc, ParseError) else exc.detail.code
            exc.detail = {"detail": exc.detail, "code": code}  # type: ignore[dict-item]
        return super().handle_exception(exc)


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class TokenEndpoint(Unstored):
    """Open to anybody over a safe transport, and never within a request's transaction: failures must be counted."""

    authentication_classes: Any = ()
    permission_classes = (HasAccess,)
    parser_classes = (StrictJSONParser, StrictFormParser)
    access: Any = PUBLIC

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_insecure(request)


def _unfit(error: ValidationError) -> ParseError:
    """The first thing that is wrong with the fields, as one sentence."""
    detail: Any = error.detail
    field = next(iter(detail)) if isinstance(detail, dict) else ""
    told = detail[field] if field else detail
    while not isinstance(told, str):
        told = next(iter(told.values() if isinstance(told, dict) else told), "")
    unfit = ParseError()
    unfit.detail = {"detail": f"{field}: {told}", "code": INVALID_REQUEST, "field": field}  # type: ignore[dict-item]
    return unfit
