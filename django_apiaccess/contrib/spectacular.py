"""OpenAPI by drf-spectacular: our credentials as security schemes, what each operation asks, and the answers to refusals.

The extensions are found by themselves when `drf_spectacular` is installed. `AccessSchema` adds to each operation what it asks:

    REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "django_apiaccess.contrib.spectacular.AccessSchema", ...}
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view

from ..access.declaration import DeclarationError
from ..access.inventory import asked
from ..core.requirement import Requirement
from . import spectacular_leaks, spectacular_login  # noqa: F401 - they register their extensions
from .spectacular_answers import NOT_ANY_MORE, RefusalSerializer, described, refusals

KEY_HEADER: Final = "apiKeyAuth"
BEARER: Final = "bearerAuth"
BASIC: Final = "basicAuth"
COOKIE: Final = "cookieAuth"
"""The name that drf-spectacular gives to sessions too, so that both are one."""


def asked_of(schema: AutoSchema) -> tuple[bool, Requirement | None]:
    """Whether `HasAccess` guards the operation, and what is asked; a declaration of a bad form asks nothing here (a check names it)."""
    try:
        return asked(schema.view, schema.method)
    except DeclarationError:
        return True, None


class AccessScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Our authentication classes: a key as X-API-Key, a key or an access token as Bearer, Basic, and the session's cookie."""

    target_class = "django_apiaccess.authentication.AccessAuthentication"
    match_subclasses = True

    @property
    def name(self) -> list[str]:  # type: ignore[override]
        """The schemes of the kinds that the class takes."""
        return list(self._schemes())

    def _schemes(self) -> dict[str, dict[str, Any]]:
        schemes: dict[str, dict[str, Any]] = {}
        bearer = []
        if self.target.takes("api_key"):
            told = "An API key. It is taken as `Authorization: Api-Key <key>` too."
            schemes[KEY_HEADER] = {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": told}
            bearer.append("an API key")
        if self.target.takes("jwt") or self.target.takes("dot"):
            bearer.append("an access token")
        if bearer:
            told = f"`Authorization: Bearer ...` with {' or '.join(bearer)}."
            schemes[BEARER] = {
                "type": "http",
                "scheme": "bearer",
                "description": told,
            }
        if self.target.takes("basic"):
            schemes[BASIC] = {"type": "http", "scheme": "basic", "description": "User name and password (RFC 7617)."}
        if self.target.takes("session"):
            told = "A session of this site; requests that change something need the CSRF token as well."
            schemes[COOKIE] = {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": told,
            }
        return schemes

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return list(self._schemes().values())

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """One alternative a scheme; none for what is public. OpenAPI 3.0 forbids scopes here, 3.1 names them."""
        _guarded, requirement = asked_of(auto_schema)
        if requirement is not None and requirement.public:
            return []
        named = requirement is not None and not str(spectacular_settings.OAS_VERSION).startswith("3.0")
        scopes = sorted(requirement.scopes()) if named and requirement is not None else []
        return [{name: scopes} for name in self._schemes()]


class AccessSchema(AutoSchema):
    """drf-spectacular's own, with what each operation asks: in its description, as `x-required-access`, and with its 401 and 403."""

    def get_description(self) -> str:  # type: ignore[override]
        told = super().get_description()
        guarded, requirement = asked_of(self)
        if not guarded:
            return told
        asks = "nothing is declared: closed" if requirement is None else f"`{requirement}`"
        return f"{told}\n\n**Access:** {asks}".strip()

    def get_extensions(self) -> dict[str, Any]:
        found = dict(super().get_extensions())
        guarded, requirement = asked_of(self)
        if guarded and requirement is not None:
            found["x-required-access"] = {
                "requirement": str(requirement),
                "scopes": sorted(requirement.scopes()),
                "roles": sorted(requirement.roles()),
                "public": requirement.public,
            }
        return found

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        guarded, requirement = asked_of(self)
        if guarded and not (requirement is not None and requirement.public):
            for code, told in (
                ("401", "No credential, or one that is not valid."),
                ("403", "The caller may not do this."),
            ):
                if code not in found:
                    answer = self._get_response_for_code(RefusalSerializer, code)  # type: ignore[no-untyped-call]
                    found[code] = {**answer, "description": told}
        return found


class KeyViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Our endpoints of keys: what they take is not what they answer."""

    target_class = "django_apiaccess.keys.views.APIKeyViewSet"

    def view_replacement(self) -> type:
        """The same views with their schemas."""
        from ..keys.approvals.serializers import JustifiedKeySerializer, KeyRequestSerializer
        from ..keys.serializers import APIKeySerializer, IssuedKeySerializer, RotationSerializer

        reason = OpenApiParameter("reason", str, description="Why the key ends, for the event.")
        decorate = extend_schema_view(
            list=extend_schema(summary="My API keys"),
            retrieve=extend_schema(summary="One of my API keys"),
            create=extend_schema(
                summary="Make an API key; its text is shown once",
                request=JustifiedKeySerializer,
                responses={201: IssuedKeySerializer, 202: KeyRequestSerializer, **refusals(400, 403)},
            ),
            partial_update=extend_schema(
                summary="Change an API key",
                request=JustifiedKeySerializer,
                responses={200: APIKeySerializer, 202: KeyRequestSerializer, **refusals(400, 403)},
            ),
            destroy=extend_schema(summary="Revoke an API key", parameters=[reason], responses={204: None}),
            rotate=extend_schema(
                summary="Give an API key a new secret, shown once",
                request=RotationSerializer,
                responses={200: IssuedKeySerializer},
            ),
        )
        return decorate(type("APIKeyViewSet", (self.target_class,), {"__doc__": self.target_class.__doc__}))  # type: ignore[arg-type]


class KeyRequestViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`keys/requests/`: what deciding and claiming take and answer."""

    target_class = "django_apiaccess.keys.approvals.views.KeyRequestViewSet"

    def view_replacement(self) -> type:
        """The same views with their schemas."""
        from ..keys.approvals import serializers as of

        def deciding(summary: str, asks: type[Any]) -> Any:
            answers = {200: of.KeyRequestSerializer, **refusals(400, 403), 409: NOT_ANY_MORE}
            return extend_schema(summary=summary, request=asks, responses=answers)

        claimed = {200: of.ClaimedKeySerializer, 201: of.ClaimedKeySerializer, **refusals(400, 403), 409: NOT_ANY_MORE}
        decorate = extend_schema_view(
            list=extend_schema(summary="My requests for API keys"),
            retrieve=extend_schema(summary="One of my requests for API keys"),
            waiting=extend_schema(
                summary="Requests for API keys that wait for a decision", responses=of.KeyRequestSerializer(many=True)
            ),
            approve=deciding("Approve the request of somebody else", of.ApprovalSerializer),
            refuse=deciding("Refuse the request of somebody else", of.RefusalOfRequestSerializer),
            withdraw=deciding("Withdraw my request", of.NoFieldsSerializer),
            claim=extend_schema(
                summary="Claim what was approved; a key's text is shown once",
                request=of.NoFieldsSerializer,
                responses=claimed,
            ),
        )
        return decorate(type("KeyRequestViewSet", (self.target_class,), {"__doc__": self.target_class.__doc__}))  # type: ignore[arg-type]


class RefreshSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`token/refresh/`."""

    target_class = "django_apiaccess.tokens.views.RefreshView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        from ..tokens.serializers import TokensSerializer

        summary = "Change a refresh token for new tokens"
        return described(self.target_class, 400, 403, summary=summary, responses={200: TokensSerializer})


class RevokeSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`token/revoke/`: an answer without a body."""

    target_class = "django_apiaccess.tokens.views.RevokeView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        ended = OpenApiResponse(description="Its session has ended, if there was one.")
        return described(self.target_class, 400, 403, summary="Log out (RFC 7009)", responses={200: ended})


class IntrospectSchema(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`token/introspect/`."""

    target_class = "django_apiaccess.tokens.views.IntrospectView"

    def view_replacement(self) -> type:
        """The same view with its schema."""
        from ..tokens.serializers import IntrospectionSerializer

        summary = "Ask what a token is good for (RFC 7662)"
        return described(self.target_class, 400, summary=summary, responses={200: IntrospectionSerializer})


class SessionViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """`sessions/`: what ending them answers."""

    target_class = "django_apiaccess.tokens.views.SessionViewSet"

    def view_replacement(self) -> type:
        """The same views with their schemas."""
        from ..tokens.serializers import EndedSerializer

        view: Any = self.target_class
        current = OpenApiParameter("id", str, OpenApiParameter.PATH, description="Its id, or `current`: this one.")

        @extend_schema_view(
            list=extend_schema(summary="Where I am logged in"),
            retrieve=extend_schema(summary="One of my sessions", parameters=[current]),
            destroy=extend_schema(summary="End one of my sessions", parameters=[current], responses={204: None}),
        )
        class SessionViewSet(view):  # type: ignore[misc]
            @extend_schema(
                summary="End all my sessions",
                operation_id="access_sessions_destroy_all",
                responses={200: EndedSerializer},
            )
            def destroy_all(self, request: Any) -> Any:
                return super().destroy_all(request)

        SessionViewSet.__doc__ = view.__doc__
        return SessionViewSet
