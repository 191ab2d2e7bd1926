"""`leaks/` for everybody who found a credential, and `leaks/github/` for GitHub's secret scanning."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ..authn.client import where_of
from ..authn.parsers import StrictJSONParser
from ..conf import access_settings
from ..core.leaks import Report
from ..core.reasons import Reason
from ..events.later import refused_later
from ..events.source import Actor
from ..events.tags import Action
from ..tokens.endpoint import INVALID_REQUEST, TokenEndpoint, refusal
from . import github, service
from .endpoint import after_answer, raw_body, refuse_flood
from .github_keys import COOLDOWN_SECONDS, KeysUnavailable

MAX_TOKENS: Final = 500
ACCEPTED: Final = {"detail": "Thank you. What proves to be a credential of ours is being dealt with."}
REPORTER: Final = "somebody who found it"


class LeakReportSerializer(serializers.Serializer[Any]):
    """Texts that somebody found."""

    tokens = serializers.ListField(
        child=serializers.CharField(max_length=service.MAX_TEXT, trim_whitespace=True),
        allow_empty=False,
        max_length=MAX_TOKENS,
        help_text=f"Texts of API keys, refresh tokens, access tokens or client secrets; at most {MAX_TOKENS}.",
    )


class AcceptedSerializer(serializers.Serializer[Any]):
    """The answer to every report."""

    detail = serializers.CharField()


class LeaksView(TokenEndpoint):
    """Report credentials that you found. Holding a text is the authority to end it; the answer says nothing of what they were."""

    parser_classes: Any = (StrictJSONParser,)
    serializer_class = LeakReportSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not access_settings.LEAKS["REPORTS"]:
            raise Http404
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            refuse_flood(request, "report", access_settings.LEAKS["REPORTS_RATE"])

    def post(self, request: Request) -> Response:
        serializer = LeakReportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        judged = service.judge(serializer.validated_data["tokens"])
        by = Actor("anonymous", "", where=where_of(request))
        after_answer(lambda: service.respond(judged.values(), Report.of(REPORTER, by)))
        return Response(ACCEPTED, status=status.HTTP_202_ACCEPTED)


class GitHubLeaksView(TokenEndpoint):
    """Alerts of GitHub's secret scanning (partner programme), signed by GitHub over the raw body. The answer is its feedback array."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not access_settings.LEAKS["GITHUB"]:
            raise Http404
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            refuse_flood(request, "github", access_settings.LEAKS["GITHUB_RATE"])

    def post(self, request: Request) -> Response:
        body = raw_body(request, github.MAX_BODY)
        if body is None:
            detail = f"The body is longer than {github.MAX_BODY} bytes."
            return refusal("too_large", detail, status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
        try:
            problem = github.signature_problem(
                body,
                request.META.get("HTTP_GITHUB_PUBLIC_KEY_IDENTIFIER", ""),
                request.META.get("HTTP_GITHUB_PUBLIC_KEY_SIGNATURE", ""),
            )
        except KeysUnavailable:
            detail = "GitHub's public keys cannot be fetched now. Send it again later."
            wait = {"Retry-After": str(int(COOLDOWN_SECONDS))}
            return refusal("unavailable", detail, status.HTTP_503_SERVICE_UNAVAILABLE, **wait)
        if problem:
            refused_later(Action.LEAK_REPORT_REFUSED, Reason.BAD_SIGNATURE, where=where_of(request), detail=problem)
            told = "The report is not signed by a key of GitHub's."
            return refusal(Reason.BAD_SIGNATURE.value, told, status.HTTP_403_FORBIDDEN)
        try:
            alerts = github.read(body)
        except ValueError as error:
            return refusal(INVALID_REQUEST, str(error), status.HTTP_400_BAD_REQUEST)
        return Response(github.handle(alerts, where_of(request)))
