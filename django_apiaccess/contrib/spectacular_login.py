"""OpenAPI of logging in, step-up and second factors: what each endpoint takes, what it answers, and how it is called there.

Imported by `contrib.spectacular`, which registers these extensions with it. Long because it is a list: one extension an endpoint.
"""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework import serializers

from ..login import serializers as bodies
from ..tokens.serializers import TokensSerializer
from .spectacular_answers import REFUSED, RefusalSerializer, described, refusals


class MFARequiredSerializer(serializers.Serializer[Any]):
    """The password was right, and more is asked for: the log-in goes on with `mfa_token`."""

    detail = serializers.CharField(help_text="A sentence for a person.")
    code = serializers.ChoiceField(
        choices=["mfa_required", "mfa_enrollment_required"],
        help_text="mfa_required: prove a factor at token/mfa/verify/. mfa_enrollment_required: add one first.",
    )
    mfa_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    methods = bodies.MethodSerializer(many=True, required=False)


class AddedSerializer(bodies.FactorSerializer):
    """The new factor, and what confirming it proved; in a running session with an access token that says so."""

    access_token = serializers.CharField(required=False)
    token_type = serializers.CharField(required=False)
    expires_in = serializers.IntegerField(required=False)
    scope = serializers.CharField(required=False)
    amr = serializers.ListField(child=serializers.CharField(), required=False)
    acr = serializers.CharField(required=False)
    auth_time = serializers.IntegerField(required=False, help_text="Seconds since 1970.")


class EnrolmentScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The `mfa_token` of a log-in that leads to enrolment is a field of the body, which OpenAPI has no scheme for: none is named."""

    target_class = "django_apiaccess.login.factor_views.EnrolmentToken"
    name: Any = []

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """An empty alternative: a request without a header, whose body holds the token."""
        return [{}]


COMPONENTS: Final[dict[type, str]] = {
    bodies.BeginSerializer: "NewFactor",
    bodies.BeginSMSSerializer: "NewPhone",
    bodies.ChallengeSerializer: "FactorChoice",
    bodies.ConfirmSerializer: "FactorConfirmation",
    bodies.FactorSerializer: "SecondFactor",
    bodies.FactorsSerializer: "SecondFactors",
    bodies.MethodSerializer: "SecondFactorChoice",
    bodies.NameSerializer: "SecondFactorName",
    bodies.NewSMSSerializer: "NewPhoneStarted",
    bodies.NewTOTPSerializer: "NewAuthenticatorApp",
    bodies.NewWebAuthnSerializer: "NewPasskey",
    bodies.PasskeySerializer: "PasskeyLogin",
    bodies.PasskeyStartedSerializer: "PasskeyLoginStarted",
    bodies.ProofSerializer: "FactorProof",
    bodies.StartedSerializer: "FactorStarted",
    bodies.StepUpSerializer: "StepUpBegun",
    bodies.StepUpStartSerializer: "StepUp",
    bodies.SteppedUpSerializer: "SteppedUp",
    MFARequiredSerializer: "MFARequired",
    AddedSerializer: "SecondFactorAdded",
}
"""Names in the document that no serializer of the project is likely to have."""
for _serializer, _name in COMPONENTS.items():
    set_override(_serializer, "component_name", _name)

STEP_UP: Final = PolymorphicProxySerializer(
    component_name="StepUpAnswer",
    serializers=[bodies.StepUpSerializer, bodies.StartedSerializer],
    resource_type_field_name=None,
)

POSTS: Final[dict[str, tuple[str, str, tuple[int, ...], dict[int, Any]]]] = {
    "views.PasskeyView": (
        "access_token_passkey",
        "Begin a log-in by passkey alone",
        (400, 403),
        {200: bodies.PasskeyStartedSerializer},
    ),
    "views.MFAChallengeView": (
        "access_mfa_challenge",
        "Send the code of a factor, or make its options for the browser",
        (400, 401, 403, 429),
        {200: bodies.StartedSerializer},
    ),
    "views.MFAVerifyView": (
        "access_mfa_verify",
        "Finish a log-in by a second factor",
        (400, 401, 403, 429),
        {200: TokensSerializer},
    ),
    "step_up_views.StepUpView": (
        "access_step_up",
        "Begin a step-up (RFC 9470), or with one of its methods",
        (400, 401, 403, 429),
        {200: STEP_UP},
    ),
    "step_up_views.StepUpVerifyView": (
        "access_step_up_verify",
        "Prove a factor in a running session",
        (400, 401, 403, 429),
        {200: bodies.SteppedUpSerializer},
    ),
    "factor_views.TOTPView": (
        "access_mfa_totp",
        "Begin with an authenticator app",
        (400, 401, 403),
        {201: bodies.NewTOTPSerializer},
    ),
    "factor_views.TOTPConfirmView": (
        "access_mfa_totp_confirm",
        "Confirm it by a code that it shows",
        (400, 401, 403, 409, 429),
        {201: AddedSerializer},
    ),
    "factor_views.SMSView": (
        "access_mfa_sms",
        "Begin with a phone: a code is sent to it",
        (400, 401, 403, 429),
        {201: bodies.NewSMSSerializer},
    ),
    "factor_views.SMSConfirmView": (
        "access_mfa_sms_confirm",
        "Confirm it by the code that it got",
        (400, 401, 403, 409),
        {201: AddedSerializer},
    ),
    "factor_views.WebAuthnView": (
        "access_mfa_webauthn",
        "Begin with a passkey: the options for the browser",
        (400, 401, 403),
        {201: bodies.NewWebAuthnSerializer},
    ),
    "factor_views.WebAuthnConfirmView": (
        "access_mfa_webauthn_confirm",
        "Store the passkey that the browser made",
        (400, 401, 403, 409),
        {201: AddedSerializer},
    ),
}
"""The endpoints that take a POST and nothing else: operation id, summary, refusals, answers."""


def _extension(path: str, operation: str, summary: str, refused: tuple[int, ...], answers: dict[int, Any]) -> Any:
    class PostSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = f"django_apiaccess.login.{path}"

        def view_replacement(self) -> type:
            schema = {"summary": summary, "operation_id": operation, "responses": answers}
            return described(self.target_class, *refused, **schema)

    return PostSchema


EXTENSIONS: Final = [_extension(path, *said) for path, said in POSTS.items()]


class LoginSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`token/`: user name and password are given, tokens come back, or what to go on with."""

    target_class = "django_apiaccess.login.views.TokenView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        more = PolymorphicProxySerializer(
            component_name="LoginRefusal",
            serializers=[MFARequiredSerializer, RefusalSerializer],
            resource_type_field_name=None,
        )
        answers = {200: TokensSerializer, 403: OpenApiResponse(more, REFUSED[403])}
        return described(self.target_class, 400, 401, 429, summary="Log in", responses=answers)


class _Views(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Views with several methods: `schemas` by method."""

    target_class: Any = None

    def schemas(self) -> dict[str, Any]:
        """What each method takes and answers."""
        raise NotImplementedError

    def view_replacement(self) -> type:
        """The same view with its schemas."""
        view: Any = self.target_class
        made = {method: extend_schema(**schema) for method, schema in self.schemas().items()}
        return extend_schema_view(**made)(type(view.__name__, (view,), {"__doc__": view.__doc__}))


class MethodsSchema(_Views):  # type: ignore[no-untyped-call]
    """`mfa/methods/`."""

    target_class = "django_apiaccess.login.factor_views.MethodsView"

    def schemas(self) -> dict[str, Any]:
        return {
            "get": {
                "summary": "My second factors",
                "operation_id": "access_mfa_methods_list",
                "responses": {200: bodies.FactorsSerializer, **refusals(401, 403)},
            }
        }


class MethodSchema(_Views):  # type: ignore[no-untyped-call]
    """`mfa/methods/{id}/`."""

    target_class = "django_apiaccess.login.factor_views.MethodView"

    def schemas(self) -> dict[str, Any]:
        refused = refusals(400, 401, 403)
        return {
            "get": {
                "summary": "One of my second factors",
                "operation_id": "access_mfa_methods_retrieve",
                "responses": {200: bodies.FactorSerializer, **refused},
            },
            "patch": {
                "summary": "Rename it",
                "operation_id": "access_mfa_methods_rename",
                "request": bodies.NameSerializer,
                "responses": {200: bodies.FactorSerializer, **refused},
            },
            "delete": {
                "summary": "Remove it",
                "operation_id": "access_mfa_methods_remove",
                "responses": {204: None, **refused, **refusals(409)},
            },
        }


class RecoverySchema(_Views):  # type: ignore[no-untyped-call]
    """`mfa/recovery-codes/`."""

    target_class = "django_apiaccess.login.factor_views.RecoveryCodesView"

    def schemas(self) -> dict[str, Any]:
        return {
            "get": {
                "summary": "How many recovery codes are left",
                "operation_id": "access_mfa_recovery_codes_left",
                "responses": {200: bodies.RecoveryLeftSerializer, **refusals(401, 403)},
            },
            "post": {
                "summary": "Make ten new recovery codes, shown once",
                "operation_id": "access_mfa_recovery_codes_make",
                "request": None,
                "responses": {201: bodies.RecoveryCodesSerializer, **refusals(400, 401, 403)},
            },
        }


class TrustedDevicesSchema(_Views):  # type: ignore[no-untyped-call]
    """`mfa/trusted-devices/`."""

    target_class = "django_apiaccess.login.factor_views.TrustedDevicesView"

    def schemas(self) -> dict[str, Any]:
        return {
            "get": {
                "summary": "Devices that are not asked for a second factor",
                "operation_id": "access_mfa_trusted_devices_list",
                "responses": {200: bodies.TrustedDeviceSerializer(many=True), **refusals(401, 403)},
            },
            "delete": {
                "summary": "Trust none of them any more",
                "operation_id": "access_mfa_trusted_devices_end_all",
                "responses": {204: None, **refusals(401, 403)},
            },
        }


class TrustedDeviceSchema(_Views):  # type: ignore[no-untyped-call]
    """`mfa/trusted-devices/{id}/`."""

    target_class = "django_apiaccess.login.factor_views.TrustedDeviceView"

    def schemas(self) -> dict[str, Any]:
        return {
            "delete": {
                "summary": "Trust one of them no more",
                "operation_id": "access_mfa_trusted_devices_end",
                "responses": {204: None, **refusals(400, 401, 403)},
            }
        }
