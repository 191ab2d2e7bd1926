"""The JSON of log-in, step-up and enrolment."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..mfa.models import TrustedDevice
from ..tokens.serializers import DELIVERY, MAX_SCOPE, ScopeField

MAX_TOKEN = 512
MAX_CODE = 4096
"""Characters. A password may stand in its place at a step-up."""


class MFAToken(serializers.CharField):
    """The text that a log-in or a step-up goes on with."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": MAX_TOKEN, "write_only": True, **kwargs})


class CodeField(serializers.CharField):
    """A code as a person types it. Numbers and other JSON values are refused: a leading zero would be lost."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": MAX_CODE, "trim_whitespace": False, "write_only": True, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class PasskeySerializer(serializers.Serializer[Any]):
    """What a log-in by passkey alone may ask for."""

    scope = ScopeField(required=False, max_length=MAX_SCOPE)
    device = serializers.CharField(required=False, max_length=150)
    delivery = serializers.ChoiceField(choices=DELIVERY, default="body")


class ChallengeSerializer(serializers.Serializer[Any]):
    """Which factor to begin with."""

    mfa_token = MFAToken()
    method = serializers.CharField(max_length=64, help_text="A factor's id, or its type where there is one of it.")


class ProofSerializer(serializers.Serializer[Any]):
    """A code, or the browser's answer to the WebAuthn options. `method` may be left out after an enrolment."""

    mfa_token = MFAToken()
    method = serializers.CharField(required=False, default="", max_length=64, allow_blank=True)
    code = CodeField(required=False, default="", allow_blank=True)
    credential = serializers.JSONField(required=False, default=None, write_only=True)
    remember = serializers.BooleanField(
        required=False, default=False, help_text="Do not ask on this device for a while: it gets a cookie."
    )


class MethodSerializer(serializers.Serializer[Any]):
    """A factor as a choice."""

    id = serializers.CharField()
    type = serializers.CharField(help_text="totp, sms, webauthn, recovery, or password.")
    name = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class StartedSerializer(serializers.Serializer[Any]):
    """What was begun: where a code went, or the options for the browser."""

    options = serializers.JSONField(required=False, help_text="For navigator.credentials.get.")
    sent_to = serializers.CharField(required=False, help_text="The number, mostly hidden.")
    expires_in = serializers.IntegerField(required=False, help_text="Seconds that the code lives.")


class PasskeyStartedSerializer(serializers.Serializer[Any]):
    """A log-in by passkey alone."""

    mfa_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    options = serializers.JSONField(help_text="For navigator.credentials.get.")


class StepUpSerializer(serializers.Serializer[Any]):
    """A step-up that was begun."""

    mfa_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    methods = MethodSerializer(many=True)


class StepUpStartSerializer(serializers.Serializer[Any]):
    """Nothing, or `mfa_token` and `method` of a step-up that was begun, to have its code sent or its options made."""

    mfa_token = MFAToken(required=False)
    method = serializers.CharField(required=False, max_length=64)


class SteppedUpSerializer(serializers.Serializer[Any]):
    """What has been proven, and the access token that says so (none for a browser's session: the session says it)."""

    access_token = serializers.CharField(required=False)
    token_type = serializers.CharField(required=False)
    expires_in = serializers.IntegerField(required=False)
    scope = serializers.CharField(required=False)
    amr = serializers.ListField(child=serializers.CharField())
    acr = serializers.CharField()
    auth_time = serializers.IntegerField(help_text="Seconds since 1970.")


class FactorSerializer(MethodSerializer):
    """A factor of mine."""

    created_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorsSerializer(serializers.Serializer[Any]):
    """My factors, and what else there is."""

    methods = FactorSerializer(many=True)
    available = serializers.ListField(child=serializers.CharField(), help_text="Types that may be added.")
    required: Any = serializers.BooleanField(help_text="Whether the policy wants a second factor of this account.")
    enroll_by = serializers.DateTimeField(allow_null=True, help_text="Until when, where there is none yet.")


class NameSerializer(serializers.Serializer[Any]):
    """A name."""

    name = serializers.CharField(max_length=64)


class BeginSerializer(serializers.Serializer[Any]):
    """What a new factor is to be called. With `mfa_token` it is the enrolment of a log-in that goes on after it."""

    name = serializers.CharField(required=False, default="", max_length=64, allow_blank=True)
    mfa_token = MFAToken(required=False)


class BeginSMSSerializer(BeginSerializer):
    """A phone number."""

    number = serializers.CharField(max_length=40, help_text="With country code, as +31 6 12345678.")


class ConfirmSerializer(serializers.Serializer[Any]):
    """The code that the new factor shows or got, or the passkey that the browser made."""

    code = CodeField(required=False, default="", allow_blank=True)
    credential = serializers.JSONField(required=False, default=None, write_only=True)
    name = serializers.CharField(required=False, default="", max_length=64, allow_blank=True)
    mfa_token = MFAToken(required=False)


class NewTOTPSerializer(serializers.Serializer[Any]):
    """An authenticator app to be set up. The secret is shown here only."""

    id = serializers.CharField()
    secret = serializers.CharField()
    otpauth_uri = serializers.CharField()
    qr_svg = serializers.CharField(help_text="The QR code as an SVG element.")


class NewSMSSerializer(serializers.Serializer[Any]):
    """A phone that a code went to."""

    id = serializers.CharField()
    sent_to = serializers.CharField()


class NewWebAuthnSerializer(serializers.Serializer[Any]):
    """A passkey to be made."""

    id = serializers.CharField()
    options = serializers.JSONField(help_text="For navigator.credentials.create.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """New recovery codes, shown here only."""

    codes = serializers.ListField(child=serializers.CharField())


class RecoveryLeftSerializer(serializers.Serializer[Any]):
    """How many recovery codes are unused."""

    left = serializers.IntegerField()


class TrustedDeviceSerializer(serializers.ModelSerializer[TrustedDevice]):
    """A device that is not asked for a second factor at log-in."""

    id = serializers.CharField(source="public_id")

    class Meta:
        model = TrustedDevice
        fields = ("id", "name", "created_at", "created_from", "last_used_at", "expires_at")
        read_only_fields = fields
