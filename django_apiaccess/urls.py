"""Endpoints of the app: `path("access/", include("django_apiaccess.urls"))`."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .access.views import MeView
from .keys.approvals.views import KeyRequestViewSet
from .keys.views import APIKeyViewSet
from .leaks.views import GitHubLeaksView, LeaksView
from .login import factor_views as factors
from .login.step_up_views import StepUpVerifyView, StepUpView
from .login.views import MFAChallengeView, MFAVerifyView, PasskeyView, TokenView
from .tokens.views import IntrospectView, RefreshView, RevokeView, SessionViewSet

router = SimpleRouter()
router.register("keys/requests", KeyRequestViewSet, basename="apiaccess-key-request")
router.register("keys", APIKeyViewSet, basename="apiaccess-key")

urlpatterns = [
    path("me/", MeView.as_view(), name="apiaccess-me"),
    path("token/", TokenView.as_view(), name="apiaccess-token"),
    path("token/passkey/", PasskeyView.as_view(), name="apiaccess-token-passkey"),
    path("token/mfa/challenge/", MFAChallengeView.as_view(), name="apiaccess-mfa-challenge"),
    path("token/mfa/verify/", MFAVerifyView.as_view(), name="apiaccess-mfa-verify"),
    path("token/refresh/", RefreshView.as_view(), name="apiaccess-token-refresh"),
    path("token/revoke/", RevokeView.as_view(), name="apiaccess-token-revoke"),
    path("token/introspect/", IntrospectView.as_view(), name="apiaccess-token-introspect"),
    path("mfa/step-up/", StepUpView.as_view(), name="apiaccess-step-up"),
    path("mfa/step-up/verify/", StepUpVerifyView.as_view(), name="apiaccess-step-up-verify"),
    path("mfa/methods/", factors.MethodsView.as_view(), name="apiaccess-mfa-methods"),
    path("mfa/methods/<str:factor_id>/", factors.MethodView.as_view(), name="apiaccess-mfa-method"),
    path("mfa/totp/", factors.TOTPView.as_view(), name="apiaccess-mfa-totp"),
    path("mfa/totp/<str:factor_id>/confirm/", factors.TOTPConfirmView.as_view(), name="apiaccess-mfa-totp-confirm"),
    path("mfa/sms/", factors.SMSView.as_view(), name="apiaccess-mfa-sms"),
    path("mfa/sms/<str:factor_id>/confirm/", factors.SMSConfirmView.as_view(), name="apiaccess-mfa-sms-confirm"),
    path("mfa/webauthn/", factors.WebAuthnView.as_view(), name="apiaccess-mfa-webauthn"),
    path(
        "mfa/webauthn/<str:factor_id>/confirm/",
        factors.WebAuthnConfirmView.as_view(),
        name="apiaccess-mfa-webauthn-confirm",
    ),
    path("mfa/recovery-codes/", factors.RecoveryCodesView.as_view(), name="apiaccess-mfa-recovery-codes"),
    path("mfa/trusted-devices/", factors.TrustedDevicesView.as_view(), name="apiaccess-mfa-trusted-devices"),
    path(
        "mfa/trusted-devices/<str:device_id>/", factors.TrustedDeviceView.as_view(), name="apiaccess-mfa-trusted-device"
    ),
    path("leaks/", LeaksView.as_view(), name="apiaccess-leaks"),
    path("leaks/github/", GitHubLeaksView.as_view(), name="apiaccess-leaks-github"),
    path("security/", include("django_apiaccess.pages.urls")),
    path("sessions/", SessionViewSet.as_view({"get": "list", "delete": "destroy_all"}), name="apiaccess-session-list"),
    path(
        "sessions/<str:id>/",
        SessionViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="apiaccess-session-detail",
    ),
    path("", include(router.urls)),
]
