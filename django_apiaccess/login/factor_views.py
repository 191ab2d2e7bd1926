"""`mfa/...`: my factors. Looking asks for a session of one's own; adding, renaming and removing for a fresh one (`freshness`).

Long because it is a list: one short view an endpoint.
"""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from ..authentication import AccessAuthentication
from ..authn.client import where_of
from ..core.access import Access
from ..core.requirement import AUTHENTICATED
from ..edge import refuse_insecure
from ..events.source import Actor
from ..exceptions import APIAccessError, InvalidChange
from ..mfa import challenges, enrolment, policy, recovery, trusted
from ..mfa import service as mfa
from ..mfa.errors import NoSuchMethod
from ..mfa.methods import FactorRef, enabled_methods
from ..mfa.models import MFAChallenge
from ..permissions import access_of, refuse
from ..roles.rights import access_of_user
from ..throttling import AccessRateThrottle
from ..tokens.endpoint import TokenEndpoint
from . import answers, freshness, step_up
from .serializers import (
    BeginSerializer,
    BeginSMSSerializer,
    ConfirmSerializer,
    FactorSerializer,
    FactorsSerializer,
    NameSerializer,
    NewSMSSerializer,
    NewTOTPSerializer,
    NewWebAuthnSerializer,
    RecoveryCodesSerializer,
    RecoveryLeftSerializer,
    TrustedDeviceSerializer,
)

ENROLMENT = (MFAChallenge.Purpose.ENROLMENT,)


class EnrolmentToken(BaseAuthentication):
    """The `mfa_token` in the body, of a log-in that leads to enrolment only. It opens the views of this module that add a factor.

    Raises `InvalidChallenge`, which `FactorEndpoint` answers.
    """

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        text = request.data.get("mfa_token") if isinstance(request.data, dict) else None
        if text is None or request.META.get("HTTP_AUTHORIZATION"):
            return None
        refuse_insecure(request)  # before it is looked at, as with every credential
        challenge = challenges.find(text, ENROLMENT)
        access = access_of_user(challenge.user, kind=freshness.ENROLMENT, acr="aal1", auth_time=challenge.created_at)
        request._request.apiaccess_challenge = challenge  # type: ignore[attr-defined]
        return challenge.user, access

    def authenticate_header(self, request: Request) -> str:
        """That of every other credential. DRF asks the first authenticator for it, and without one makes a 403 of each 401."""
        return AccessAuthentication().authenticate_header(request)


class FactorEndpoint(TokenEndpoint):
    """What the views share: whose factors, by which actor, and one way to answer what goes wrong."""

    authentication_classes: Any = (AccessAuthentication,)
    throttle_classes = (AccessRateThrottle,)
    access = AUTHENTICATED
    serializer_class: Any = None

    @property
    def caller(self) -> Access:
        """The access of the request; `AUTHENTICATED` says that there is one."""
        access = access_of(self.request)
        assert access is not None
        return access

    @property
    def user(self) -> Any:
        """Whose factors these are."""
        principal = self.caller.principal
        return getattr(principal, "_wrapped", principal) if principal.pk is not None else principal

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        verdict = freshness.is_owners(self.caller)
        if not verdict.allowed:
            refuse(request, self.caller, AUTHENTICATED, verdict)

    def actor(self) -> Actor:
        """Who does it."""
        return Actor.of_access(self.caller, where_of(self.request))

    @property
    def further(self) -> bool:
        """Whether a factor may be added beside those that there are."""
        return freshness.has_proven_a_factor(self.caller)

    def require_fresh(self) -> None:
        """Refuse a caller who has not just proven enough, with the challenge of RFC 9470."""
        asked, verdict = freshness.may_change_factors(self.caller)
        if not verdict.allowed:
            refuse(self.request, self.caller, asked, verdict)

    def body(self, serializer_class: Any) -> dict[str, Any]:
        """The valid body."""
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, APIAccessError):
            return answers.refused(exc)
        return super().handle_exception(exc)


class EnrolmentEndpoint(FactorEndpoint):
    """Views that add a factor: also for a log-in that must do so before it goes on."""

    authentication_classes = (EnrolmentToken, AccessAuthentication)

    def added(self, factor: FactorRef) -> Response:
        """201 with the new factor, and what confirming it proved beside what was proven before.

        A log-in that waits for it may go on at `token/mfa/verify/`; a session is stepped up, so that nobody must prove the same again.
        """
        told = dict(FactorSerializer(fields_of(factor)).data)
        challenge: MFAChallenge | None = getattr(self.request._request, "apiaccess_challenge", None)
        if challenge is not None:
            before = challenges.proof_before(challenge, challenge.created_at)
            challenges.prove(challenge, enrolment.proof_of(factor, before))
        else:
            told |= step_up.fields_of(step_up.by_enrolment(self.request._request, self.caller, factor))
        return Response(told, status=status.HTTP_201_CREATED)


class MethodsView(FactorEndpoint):
    """My factors."""

    serializer_class = FactorsSerializer

    def get(self, request: Request) -> Response:
        user = self.user
        factors = mfa.choices(user)
        data = {
            "methods": [fields_of(factor) for factor in factors],
            "available": [method.type for method in enabled_methods()],
            "required": policy.is_required(user),
            "enroll_by": None if factors else policy.enrol_by(user),
        }
        return Response(FactorsSerializer(data).data)


class MethodView(FactorEndpoint):
    """One factor of mine: its name, and its end."""

    serializer_class = NameSerializer

    def get(self, request: Request, factor_id: str) -> Response:
        found = [factor for factor in mfa.choices(self.user) if factor.id == factor_id]
        if not found:
            raise NoSuchMethod("You have no such factor.")
        return Response(FactorSerializer(fields_of(found[0])).data)

    def patch(self, request: Request, factor_id: str) -> Response:
        self.require_fresh()
        factor = enrolment.rename(self.user, factor_id, self.body(NameSerializer)["name"], by=self.actor())
        return Response(FactorSerializer(fields_of(factor)).data)

    def delete(self, request: Request, factor_id: str) -> Response:
        self.require_fresh()
        enrolment.remove(self.user, factor_id, by=self.actor())
        return Response(status=status.HTTP_204_NO_CONTENT)


class TOTPView(EnrolmentEndpoint):
    """Begin with an authenticator app. Secret and QR code are in this answer only."""

    serializer_class = BeginSerializer

    def post(self, request: Request) -> Response:
        self.require_fresh()
        data = self.body(BeginSerializer)
        new = enrolment.begin_totp(self.user, name=data["name"])
        told = {"id": new.id, "secret": new.secret, "otpauth_uri": new.uri, "qr_svg": enrolment.qr_svg(new.uri)}
        return Response(NewTOTPSerializer(told).data, status=status.HTTP_201_CREATED)


class TOTPConfirmView(EnrolmentEndpoint):
    """Confirm it by a code that it shows."""

    serializer_class = ConfirmSerializer

    def post(self, request: Request, factor_id: str) -> Response:
        self.require_fresh()
        data = self.body(ConfirmSerializer)
        made = enrolment.confirm_totp(
            self.user, factor_id, data["code"], request=request._request, further=self.further
        )
        return self.added(made)


class SMSView(EnrolmentEndpoint):
    """Begin with a phone: a code is sent to it."""

    serializer_class = BeginSMSSerializer

    def post(self, request: Request) -> Response:
        self.require_fresh()
        data = self.body(BeginSMSSerializer)
        factor = enrolment.begin_sms(self.user, data["number"], name=data["name"], request=request._request)
        told = NewSMSSerializer({"id": factor.id, "sent_to": factor.hint}).data
        return Response(told, status=status.HTTP_201_CREATED)


class SMSConfirmView(EnrolmentEndpoint):
    """Confirm it by the code that it got."""

    serializer_class = ConfirmSerializer

    def post(self, request: Request, factor_id: str) -> Response:
        self.require_fresh()
        data = self.body(ConfirmSerializer)
        made = enrolment.confirm_sms(self.user, factor_id, data["code"], request=request._request, further=self.further)
        return self.added(made)


class WebAuthnView(EnrolmentEndpoint):
    """Begin with a passkey: the options for the browser."""

    serializer_class = BeginSerializer

    def post(self, request: Request) -> Response:
        self.require_fresh()
        self.body(BeginSerializer)
        registration, options = enrolment.begin_webauthn(self.user, request=request._request)
        told = NewWebAuthnSerializer({"id": registration, "options": options}).data
        return Response(told, status=status.HTTP_201_CREATED)


class WebAuthnConfirmView(EnrolmentEndpoint):
    """Store the passkey that the browser made."""

    serializer_class = ConfirmSerializer

    def post(self, request: Request, factor_id: str) -> Response:
        self.require_fresh()
        data = self.body(ConfirmSerializer)
        made = enrolment.confirm_webauthn(
            self.user,
            factor_id,
            data["credential"],
            name=data["name"],
            request=request._request,
            further=self.further,
        )
        return self.added(made)


class RecoveryCodesView(FactorEndpoint):
    """How many recovery codes are left; ten new ones, which are in that answer only."""

    serializer_class = RecoveryCodesSerializer

    def get(self, request: Request) -> Response:
        return Response(RecoveryLeftSerializer({"left": recovery.left(self.user)}).data)

    def post(self, request: Request) -> Response:
        self.require_fresh()
        if not self.further:  # a factor that appears meanwhile was not proven here
            raise InvalidChange(enrolment.ALONE)
        codes = enrolment.make_recovery_codes(self.user, request=request._request)
        return Response(RecoveryCodesSerializer({"codes": codes}).data, status=status.HTTP_201_CREATED)


class TrustedDevicesView(FactorEndpoint):
    """The devices that are not asked for a second factor at log-in; the end of all of them."""

    serializer_class = TrustedDeviceSerializer

    def get(self, request: Request) -> Response:
        return Response(TrustedDeviceSerializer(trusted.devices_of(self.user), many=True).data)

    def delete(self, request: Request) -> Response:
        trusted.end_trust(trusted.devices_of(self.user), by=self.actor(), reason="ended by its user")
        return Response(status=status.HTTP_204_NO_CONTENT)


class TrustedDeviceView(FactorEndpoint):
    """The end of one of them."""

    serializer_class = TrustedDeviceSerializer

    def delete(self, request: Request, device_id: str) -> Response:
        mine = trusted.devices_of(self.user).filter(public_id=device_id) if "\0" not in device_id else []
        if not trusted.end_trust(mine, by=self.actor(), reason="ended by its user"):
            raise NoSuchMethod("You trust no such device.")
        return Response(status=status.HTTP_204_NO_CONTENT)


def fields_of(factor: FactorRef) -> dict[str, Any]:
    """A factor as its owner sees it."""
    return {
        **answers.method_fields(factor),
        "created_at": factor.created_at,
        "last_used_at": factor.last_used_at,
    }
