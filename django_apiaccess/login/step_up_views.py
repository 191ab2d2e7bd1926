"""`mfa/step-up/` and `mfa/step-up/verify/`: a running session proves more (RFC 9470)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from ..authentication import AccessAuthentication
from ..authn.client import where_of
from ..core.requirement import AUTHENTICATED
from ..mfa import challenges
from ..mfa import service as mfa
from ..permissions import access_of
from ..throttling import AccessRateThrottle
from . import answers, step_up
from .serializers import ProofSerializer, StepUpStartSerializer
from .views import LoginEndpoint, response_of


class StepUpEndpoint(LoginEndpoint):
    """For whoever has a session, a token's or a browser's."""

    authentication_classes = (AccessAuthentication,)
    throttle_classes = (AccessRateThrottle,)
    access = AUTHENTICATED


class StepUpView(StepUpEndpoint):
    """Without `mfa_token`: begin, and see what can be proven. With it and a `method`: have the code sent or the options made."""

    serializer_class = StepUpStartSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        access = access_of(request)
        assert access is not None
        if "mfa_token" in data:
            challenge = step_up.find(request._request, access, data["mfa_token"])
            return Response(
                mfa.start(challenge, data.get("method", ""), request=request._request, where=where_of(request))
            )
        text, methods = step_up.begin(request._request, access)
        fields = [answers.method_fields(method) for method in methods]
        return Response({"mfa_token": text, "expires_in": int(challenges.LIFETIME.total_seconds()), "methods": fields})


class StepUpVerifyView(StepUpEndpoint):
    """Prove it: a new access token with a fresh `auth_time`; the old one stays as it was."""

    serializer_class = ProofSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        access = access_of(request)
        assert access is not None
        done = step_up.finish(request._request, access, data["mfa_token"], data["method"], response_of(request, data))
        return Response(step_up.fields_of(done))
