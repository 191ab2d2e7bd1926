"""OpenAPI of the endpoints for leaks. Imported by `contrib.spectacular`, which registers these extensions with it."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from ..leaks.views import AcceptedSerializer, LeakReportSerializer
from .spectacular_answers import RefusalSerializer, described


class AlertSerializer(serializers.Serializer[Any]):
    """One text that GitHub found."""

    token = serializers.CharField()
    type = serializers.CharField(help_text="The name of the pattern, as it was registered with GitHub.")
    url = serializers.CharField(required=False, allow_blank=True, help_text="Where it was found.")
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, help_text="As commit or issue_description."
    )


class FeedbackSerializer(serializers.Serializer[Any]):
    """Whether a text was a credential."""

    token_hash = serializers.CharField(help_text="SHA-256 of the text, in hex.")
    token_type = serializers.CharField()
    label = serializers.CharField(help_text="true_positive or false_positive.")  # type: ignore[assignment]


COMPONENTS: Final[dict[type, str]] = {
    AlertSerializer: "SecretScanningAlert",
    FeedbackSerializer: "SecretScanningFeedback",
    LeakReportSerializer: "LeakReport",
    AcceptedSerializer: "LeakReportAccepted",
}
for _serializer, _name in COMPONENTS.items():
    set_override(_serializer, "component_name", _name)


class LeaksSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`leaks/`."""

    target_class = "django_apiaccess.leaks.views.LeaksView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        flood = OpenApiResponse(
            RefusalSerializer, "Too many reports from this network; `Retry-After` says how long to wait."
        )
        summary = "Report credentials that leaked"
        return described(self.target_class, 400, 403, summary=summary, responses={202: AcceptedSerializer, 429: flood})


class GitHubLeaksSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`leaks/github/`."""

    target_class = "django_apiaccess.leaks.views.GitHubLeaksView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        told = {
            403: "The alert is not signed by a key of GitHub's.",
            413: "The body is too long.",
            429: "Too many alerts from this network.",
            503: "GitHub's public keys cannot be fetched now.",
        }
        responses: dict[int, Any] = {200: FeedbackSerializer(many=True)}
        responses |= {status: OpenApiResponse(RefusalSerializer, text) for status, text in told.items()}
        headers = [
            OpenApiParameter(
                "Github-Public-Key-Identifier", str, "header", required=True, description="Which key signed."
            ),
            OpenApiParameter(
                "Github-Public-Key-Signature",
                str,
                "header",
                required=True,
                description="ECDSA P-256 with SHA-256 over the body.",
            ),
        ]
        return described(
            self.target_class,
            400,
            summary="Take alerts of GitHub's secret scanning",
            request={"application/json": AlertSerializer(many=True)},
            parameters=headers,
            responses=responses,
        )
