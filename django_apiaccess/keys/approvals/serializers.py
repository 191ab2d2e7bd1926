"""Requests for keys as JSON: what was asked for, and what became of it. Never a key's text."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..serializers import APIKeySerializer, IssuedKeySerializer, ListOfWords
from .models import KeyRequest


class KeyRequestSerializer(serializers.ModelSerializer[KeyRequest]):
    """A request as its requester and those who decide see it."""

    status = serializers.CharField(
        source="state", read_only=True, help_text="pending, approved, refused, withdrawn, claimed or expired."
    )
    requester = serializers.CharField(source="requester.get_username", read_only=True)
    principal = serializers.CharField(source="principal.get_username", read_only=True)
    decided_by = serializers.SerializerMethodField()
    key_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="The key that was made, or changes.")
    scopes = ListOfWords(read_only=True)
    networks = ListOfWords(read_only=True)
    origins = ListOfWords(read_only=True)

    class Meta:
        model = KeyRequest
        fields = (
            "id",
            "status",
            "requester",
            "principal",
            "key_id",
            "widens",
            "name",
            "scopes",
            "networks",
            "origins",
            "rate",
            "dpop_jkt",
            "on_leak",
            "expires_at",
            "justification",
            "requested_at",
            "decide_by",
            "decided_by",
            "decided_at",
            "reason",
            "claim_by",
            "claimed_at",
        )
        read_only_fields = fields

    def get_decided_by(self, request: KeyRequest) -> str | None:
        return None if request.decided_by is None else str(request.decided_by.get_username())


class ApprovalSerializer(serializers.Serializer[Any]):
    """An approval."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=255)


class RefusalOfRequestSerializer(serializers.Serializer[Any]):
    """A refusal: the requester reads the reason."""

    reason = serializers.CharField(max_length=255)


class NoFieldsSerializer(serializers.Serializer[Any]):
    """A body without fields."""


class JustifiedKeySerializer(APIKeySerializer):
    """What is asked of a key, with what an approver needs to know where the policy wants one."""

    justification = serializers.CharField(
        required=False,
        write_only=True,
        allow_blank=True,
        max_length=1000,
        help_text="What it is for. Needed where another person must approve the key.",
    )

    class Meta(APIKeySerializer.Meta):
        fields = (*APIKeySerializer.Meta.fields, "justification")  # type: ignore[assignment]


class ClaimedKeySerializer(IssuedKeySerializer):
    """What a claim gives: a new key with its text, shown once; or the changed key, whose text stays as it was (`key` is null)."""

    key = serializers.CharField(read_only=True, allow_null=True, help_text="The key itself, shown once; null: changed.")
