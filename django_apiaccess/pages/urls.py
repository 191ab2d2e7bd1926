"""The addresses of the pages, below `security/`."""

from __future__ import annotations

from django.urls import path

from . import adding, changing, log_in, overview, places, verify

urlpatterns = [
    path("", overview.SecurityPage.as_view(), name=places.SECURITY),
    path("login/", log_in.LoginPage.as_view(), name=places.LOGIN),
    path("login/passkey/", log_in.PasskeyLogin.as_view(), name=places.PASSKEY_LOGIN),
    path("login/passkey/options/", log_in.PasskeyOptions.as_view(), name="apiaccess-security-passkey-login-options"),
    path("logout/", log_in.LogoutPage.as_view(), name="apiaccess-security-logout"),
    path("verify/", verify.VerifyPage.as_view(), name=places.VERIFY),
    path("verify/options/", verify.VerifyOptions.as_view(), name="apiaccess-security-verify-options"),
    path("add/", adding.AddPage.as_view(), name=places.ADD),
    path("totp/", adding.TOTPPage.as_view(), name=places.TOTP),
    path("totp/<str:factor_id>/", adding.TOTPConfirmPage.as_view(), name=places.TOTP_CONFIRM),
    path("phone/", adding.PhonePage.as_view(), name=places.PHONE),
    path("phone/<str:factor_id>/", adding.PhoneConfirmPage.as_view(), name=places.PHONE_CONFIRM),
    path("passkey/", adding.PasskeyPage.as_view(), name=places.PASSKEY),
    path("passkey/options/", adding.PasskeyOptions.as_view(), name="apiaccess-security-passkey-options"),
    path("recovery-codes/", changing.RecoveryPage.as_view(), name=places.RECOVERY),
    path("factors/<str:factor_id>/name/", changing.RenamePage.as_view(), name="apiaccess-security-rename"),
    path("factors/<str:factor_id>/remove/", changing.RemovePage.as_view(), name="apiaccess-security-remove"),
    path("devices/end/", changing.EndTrust.as_view(), name="apiaccess-security-end-devices"),
    path("devices/<str:row_id>/end/", changing.EndTrust.as_view(), name="apiaccess-security-end-device"),
    path("sessions/end/", changing.EndSession.as_view(), name="apiaccess-security-end-sessions"),
    path("sessions/<str:row_id>/end/", changing.EndSession.as_view(), name="apiaccess-security-end-session"),
]
