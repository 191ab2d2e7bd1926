"""API keys as JSON. Dates in, dates out; the key's text only where it has just been made."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from ..core.durations import parse_duration
from .models import APIKey


class ListOfWords(serializers.ListField):
    """A list of strings in JSON, a space-separated text in the row."""

    child = serializers.CharField(max_length=255)

    def to_representation(self, data: Any) -> list[str]:
        return sorted(data.split() if isinstance(data, str) else data)


class ExpiryField(serializers.DateTimeField):
    """A date and time, or a length of life as `90d`."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return timezone.now() + parse_duration(value)
            except (ValueError, OverflowError):
                pass
        return super().to_internal_value(value)


class APIKeySerializer(serializers.ModelSerializer[APIKey]):
    """A key as its owner sees it. Writable: name, scopes, networks, origins, rate, expires_at, on_leak."""

    scopes = ListOfWords(help_text="What the key may be used for, as orders:read.")
    networks = ListOfWords(required=False, help_text="Addresses it may be used from, as 203.0.113.0/24.")
    origins = ListOfWords(required=False, help_text="Web origins it may be used from.")
    expires_at = ExpiryField(required=False, allow_null=True, help_text="A date and time, or a length of life as 90d.")
    dpop_jkt = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=43,
        help_text="Thumbprint (RFC 7638) of the public key whose DPoP proof must come with it. Set when it is made, for good.",
    )
    principal = serializers.CharField(source="principal.get_username", read_only=True)
    status = serializers.CharField(
        read_only=True, help_text="active, expired or revoked."
    )  # no enum: its name would clash in OpenAPI

    class Meta:
        model = APIKey
        fields = (
            "id",
            "name",
            "principal",
            "scopes",
            "networks",
            "origins",
            "rate",
            "dpop_jkt",
            "on_leak",
            "status",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "last_used_from",
            "use_count",
        )
        read_only_fields = ("id", "created_at", "revoked_at", "last_used_at", "last_used_from", "use_count")

    def validate_dpop_jkt(self, value: str) -> str:
        if self.instance is not None and value != self.instance.dpop_jkt:
            raise serializers.ValidationError("A key stays bound as it was made. Make a new one.")
        return value


class IssuedKeySerializer(APIKeySerializer):
    """A key just made or rotated, with its text: the only time it is shown."""

    key = serializers.CharField(read_only=True, help_text="The key itself. Shown once.")
    old_secret_valid_until = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta(APIKeySerializer.Meta):
        fields = (*APIKeySerializer.Meta.fields, "key", "old_secret_valid_until")  # type: ignore[assignment]


class RotationSerializer(serializers.Serializer[Any]):
    """How long the old secret lives on."""

    grace = serializers.CharField(
        required=False, help_text="As 24h; 0 ends the old secret at once. Default: KEY_ROTATION_GRACE."
    )

    def validate_grace(self, value: str) -> Any:
        try:
            return parse_duration(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class RevocationSerializer(serializers.Serializer[Any]):
    """Why the key ends."""

    reason = serializers.CharField(required=False, max_length=255)
