"""The token endpoints' JSON."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from .models import TokenSession

DELIVERY = ("body", "cookie")
MAX_SCOPE: Final = 4096
"""Characters. Longer than any list of declared scopes should be."""


class ScopeField(serializers.CharField):
    """An RFC 6749 scope text, or a list of scope names. Python: frozenset of str."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, list) and all(isinstance(item, str) for item in data):
            data = " ".join(data)
        return frozenset(str(super().run_validation(data)).split())  # validated as text, then split


class LoginSerializer(serializers.Serializer[Any]):
    """User name and password, and what the session is to be."""

    username = serializers.CharField(max_length=255, trim_whitespace=False)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)
    scope = ScopeField(
        required=False, max_length=MAX_SCOPE, help_text="Scopes of the session; without it all that the account holds."
    )
    device = serializers.CharField(
        required=False, max_length=150, help_text="A name for this device in the list of sessions."
    )
    delivery = serializers.ChoiceField(
        choices=DELIVERY,
        default="body",
        help_text="Where the refresh token goes: into the answer, or into an HttpOnly cookie.",
    )


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token; without one, the cookie's."""

    refresh_token = serializers.CharField(required=False, max_length=512, trim_whitespace=False, write_only=True)
    scope = ScopeField(required=False, max_length=MAX_SCOPE, help_text="Fewer scopes for the new access token.")


class TokensSerializer(serializers.Serializer[Any]):
    """RFC 6749 section 5.1."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    refresh_token = serializers.CharField(required=False, help_text="Absent when it went into the cookie.")
    scope = serializers.CharField()
    csrf_token = serializers.CharField(
        required=False, help_text="With the cookie: send it back as X-CSRFToken when refreshing."
    )


class TokenSerializer(serializers.Serializer[Any]):
    """A token to be revoked (RFC 7009) or inspected (RFC 7662)."""

    token = serializers.CharField(max_length=8192, trim_whitespace=False, write_only=True)
    token_type_hint = serializers.CharField(required=False, max_length=50)


class IntrospectionSerializer(serializers.Serializer[Any]):
    """RFC 7662 section 2.2; what is not active has `active` alone. For the schema: the answer is made in `introspection`."""

    active = serializers.BooleanField()
    scope = serializers.CharField(required=False)
    client_id = serializers.CharField(required=False)
    username = serializers.CharField(required=False)
    token_type = serializers.CharField(required=False)
    sub = serializers.CharField(required=False)
    iss = serializers.CharField(required=False)
    aud = serializers.CharField(required=False)
    cnf = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="The key that it is bound to, as jkt."
    )
    exp = serializers.IntegerField(required=False, help_text="Seconds since 1970.")
    sid = serializers.CharField(required=False, help_text="The session's id.")
    amr = serializers.ListField(child=serializers.CharField(), required=False)
    acr = serializers.CharField(required=False)
    auth_time = serializers.IntegerField(required=False, allow_null=True, help_text="Seconds since 1970.")


class EndedSerializer(serializers.Serializer[Any]):
    """How many sessions ended."""

    ended = serializers.IntegerField()


class SessionSerializer(serializers.ModelSerializer[TokenSession]):
    """Where I am logged in."""

    id = serializers.CharField(source="sid")
    current = serializers.SerializerMethodField()
    amr = serializers.SerializerMethodField()
    scope = serializers.SerializerMethodField()

    class Meta:
        model = TokenSession
        fields = (
            "id",
            "current",
            "client_id",
            "device",
            "scope",
            "amr",
            "acr",
            "auth_time",
            "created_at",
            "created_from",
            "last_used_at",
            "last_used_from",
            "expires_at",
        )
        read_only_fields = fields

    def get_current(self, session: TokenSession) -> bool:
        return bool(session.sid == self.context.get("session_id"))

    def get_scope(self, session: TokenSession) -> str:
        return " ".join(sorted(session.scope))

    def get_amr(self, session: TokenSession) -> list[str]:
        return session.amr.split()
