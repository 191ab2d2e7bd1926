"""Log in, log out, log out everywhere, in knox's wire format. A token is an API key that opens all that its user holds at the log-in.

Which keys are log-ins is told by their names: `knox ...`, as those that `import_api_keys --from knox` takes over.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ...authentication import AccessAuthentication, APIKeyAuthentication, SessionAuthentication
from ...authn.client import RequestClient, is_secure, where_of
from ...authn.header import MAX_LENGTH
from ...authn.kinds import Presented
from ...conf import access_settings
from ...core import scopes as core_scopes
from ...core.access import Access
from ...core.reasons import Reason
from ...core.requirement import AUTHENTICATED
from ...events.source import Actor
from ...exceptions import InvalidChange, InvalidCredential
from ...keys import service as keys
from ...keys.approvals.policy import unguarded
from ...keys.models import APIKey
from ...login.answers import device_of
from ...passwords.credential import BasicKind
from ...permissions import access_of
from ...roles.rights import held_by
from ...tokens.endpoint import TokenEndpoint, refusal
from . import options

NAME: Final = "knox "


class PasswordAuthentication(AccessAuthentication):
    """User name and password by HTTP Basic, for logging in: also where Basic is no credential of other requests."""

    only = "basic"

    def _verified(self, request: Request) -> Access | None:
        http = request._request
        scheme, _space, value = http.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        if access_settings.REQUIRE_TLS and not is_secure(http):
            raise InvalidCredential(Reason.INSECURE_TRANSPORT, "password over plain HTTP")
        if len(value) > MAX_LENGTH:
            raise InvalidCredential(Reason.MALFORMED, f"longer than {MAX_LENGTH} characters")
        return BasicKind().authenticate(Presented("basic", value), RequestClient(http))


class KnoxTokenSerializer(serializers.Serializer[Any]):
    """knox's answer to a log-in; a user is added where `USER_SERIALIZER` asks for it."""

    expiry = serializers.DateTimeField(read_only=True, allow_null=True)
    token = serializers.CharField(read_only=True)


class NothingSerializer(serializers.Serializer[Any]):
    """No body."""


class LoginView(TokenEndpoint):
    """By Basic or by a session: `{"expiry", "token"[, "user"]}`."""

    authentication_classes = (PasswordAuthentication, SessionAuthentication)
    serializer_class: Any = KnoxTokenSerializer
    access = AUTHENTICATED

    def post(self, request: Request) -> Response:
        with transaction.atomic():
            answer, user = self._answer(request)
        if answer.status_code == status.HTTP_200_OK:
            user_logged_in.send(sender=user.__class__, request=request._request, user=user)
        return answer

    def _answer(self, request: Request) -> tuple[Response, Any]:
        """The answer and the user, whose row is locked: simultaneous log-ins count each other."""
        pk: Any = request.user.pk
        user: Any = get_user_model()._default_manager.select_for_update().get(pk=pk)
        most = options.limit()
        if most is not None and logins_of(user).usable().count() >= most:
            error = "Maximum amount of tokens allowed per user exceeded."
            return Response({"error": error}, status=status.HTTP_403_FORBIDDEN), user
        held = held_by(user)
        # a log-in never gives what another person must approve: that is asked for as a key
        scopes = unguarded(user, core_scopes.registry.reduce(held.scopes | held.object_scopes))
        if not scopes:
            return refusal("not_held", "This account holds no scope yet, so a token would open nothing.", 403), user
        try:
            issued = keys.issue(
                principal=user,
                name=f"{NAME}login {device_of(request)}".strip()[:100],
                scopes=scopes,
                by=Actor.of_user(user, where=where_of(request)),
                expires_at=options.expires_at(),
            )
        except InvalidChange as error_:
            return refusal(error_.code, str(error_), status.HTTP_403_FORBIDDEN), user
        ends: Any = issued.key.expires_at
        expiry = serializers.DateTimeField(format=options.expiry_format()).to_representation(ends)
        data = {"expiry": expiry, "token": issued.text}
        serializer = options.user_serializer()
        if serializer is not None:
            data["user"] = serializer(user, context={"request": request, "format": None, "view": self}).data
        return Response(data), user


class LogoutView(TokenEndpoint):
    """Ends the token that was sent: 204."""

    authentication_classes = (APIKeyAuthentication,)
    serializer_class: Any = NothingSerializer
    access = AUTHENTICATED

    def post(self, request: Request) -> Response:
        access = access_of(request)
        assert access is not None
        mine = logins_of(access.principal)
        if not mine.filter(pk=access.credential.id).exists():
            detail = "This key is no log-in: it is revoked where it was made."
            return refusal("not_a_login", detail, status.HTTP_403_FORBIDDEN)
        self.end(mine, access, Actor.of_access(access, where_of(request)))
        user_logged_out.send(sender=get_user_model(), request=request._request, user=access.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def end(self, mine: Any, access: Access, by: Actor) -> None:
        """End the token itself."""
        keys.revoke(mine.filter(pk=access.credential.id), reason="Logged out", by=by)


class LogoutAllView(LogoutView):
    """Ends every token that the user logged in with: 204."""

    def end(self, mine: Any, access: Access, by: Actor) -> None:
        keys.revoke(mine, reason="Logged out everywhere", by=by)


def logins_of(user: Any) -> Any:
    """The keys of the user that are log-ins, made here or taken over from knox."""
    return APIKey.objects.filter(principal=user.pk, name__startswith=NAME, revoked_at=None)
