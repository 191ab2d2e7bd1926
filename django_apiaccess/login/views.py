"""`token/`, `token/passkey/`, `token/mfa/challenge/`, `token/mfa/verify/`: logging in, in one step or two."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import html

from ..authn.client import where_of
from ..authn.possession import held_key
from ..exceptions import APIAccessError
from ..mfa import challenges, trusted
from ..mfa import service as mfa
from ..mfa.methods import Response as MFAResponse
from ..tokens import cookies
from ..tokens.endpoint import INVALID_REQUEST, TokenEndpoint, refusal
from ..tokens.serializers import LoginSerializer
from ..tokens.views import answer_with
from . import answers, service
from .serializers import ChallengeSerializer, PasskeySerializer, ProofSerializer

FORM_WANTS_COOKIE: Final = "The cookie is for JSON requests: any other site could send a form and log its visitors in."


class LoginEndpoint(TokenEndpoint):
    """What the four share: a valid body, and one way to answer what goes wrong."""

    serializer_class: Any = None

    def post(self, request: Request) -> Response:
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        if wants_cookie(data) and html.is_html_input(request.data):
            return refusal(INVALID_REQUEST, FORM_WANTS_COOKIE, status.HTTP_400_BAD_REQUEST)
        try:
            return self.answer(request, data)
        except APIAccessError as error:
            return answers.refused(error)

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        """The answer to a valid body. May raise any `APIAccessError`."""
        raise NotImplementedError


class TokenView(LoginEndpoint):
    """Log in with user name and password."""

    serializer_class = LoginSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        tokens = service.log_in(
            request._request,
            username=data["username"],
            password=data["password"],
            scopes=data.get("scope"),
            device=data.get("device") or answers.device_of(request),
            delivery=data["delivery"],
            key=held_key(request),
        )
        return logged_in(service.LoggedIn(tokens, data["delivery"]), request)


class PasskeyView(LoginEndpoint):
    """Begin a log-in by passkey alone; `token/mfa/verify/` finishes it."""

    serializer_class = PasskeySerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        scope = data.get("scope")
        context = {
            "scope": None if scope is None else " ".join(sorted(scope)),
            "device": data.get("device") or answers.device_of(request),
            "delivery": data["delivery"],
        }
        text, started = service.begin_passkey(request._request, context)
        return Response({"mfa_token": text, "expires_in": int(challenges.LIFETIME.total_seconds()), **started})


class MFAChallengeView(LoginEndpoint):
    """Begin with one factor: a code is sent, or the options for the browser are made. An authenticator app needs no beginning."""

    serializer_class = ChallengeSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        challenge = challenges.find(data["mfa_token"], (service.Purpose.LOGIN, service.Purpose.PASSKEY))
        return Response(mfa.start(challenge, data["method"], request=request._request, where=where_of(request)))


class MFAVerifyView(LoginEndpoint):
    """Finish a log-in by its second factor, a passkey alone, or the factor that was just added."""

    serializer_class = ProofSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        done = service.go_on(
            request._request,
            data["mfa_token"],
            data["method"],
            response_of(request, data),
            remember=data["remember"],
            key=held_key(request),
        )
        return logged_in(done, request)


def wants_cookie(data: dict[str, Any]) -> bool:
    """Whether the answer may set a cookie that logs somebody in."""
    return data.get("delivery") == "cookie" or bool(data.get("remember"))


def response_of(request: Request, data: dict[str, Any]) -> MFAResponse:
    """What came back, for the method to judge."""
    credential = data["credential"] if isinstance(data["credential"], dict) else None
    return MFAResponse(data["code"], credential, request._request)


def logged_in(done: service.LoggedIn, request: Request) -> Response:
    """The tokens, with the cookies that were asked for."""
    cookie = done.delivery == "cookie"
    if cookie:
        cookies.new_csrf_token(request._request)
    response = answer_with(done.tokens, request, cookie=cookie)
    if done.trusted_device is not None:
        trusted.put(response, done.trusted_device)
    return response
