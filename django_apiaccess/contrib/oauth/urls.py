"""`path("oauth/", include("django_apiaccess.contrib.oauth.urls"))`. Empty where Authlib is not installed: a system check says so."""

from __future__ import annotations

from typing import Any

from django.urls import path

from .checks import has_authlib


def patterns() -> list[Any]:
    """The endpoints and pages of the authorization server."""
    from .authorize import AuthorizeView
    from .connected import ConnectedView
    from .device_page import DeviceView
    from .registration import RegisterEndpoint
    from .userinfo import UserInfoView
    from .views import (
        DeviceAuthorizationEndpoint,
        IntrospectEndpoint,
        PushedRequestEndpoint,
        RevokeEndpoint,
        TokenEndpoint,
    )

    return [
        path("authorize/", AuthorizeView.as_view(), name="apiaccess-oauth-authorize"),
        path("token/", TokenEndpoint.as_view(), name="apiaccess-oauth-token"),
        path("revoke/", RevokeEndpoint.as_view(), name="apiaccess-oauth-revoke"),
        path("introspect/", IntrospectEndpoint.as_view(), name="apiaccess-oauth-introspect"),
        path("par/", PushedRequestEndpoint.as_view(), name="apiaccess-oauth-par"),
        path(
            "device_authorization/", DeviceAuthorizationEndpoint.as_view(), name="apiaccess-oauth-device-authorization"
        ),
        path("device/", DeviceView.as_view(), name="apiaccess-oauth-device"),
        path("userinfo/", UserInfoView.as_view(), name="apiaccess-oauth-userinfo"),
        path("register/", RegisterEndpoint.as_view(), name="apiaccess-oauth-register"),
        path("connected/", ConnectedView.as_view(), name="apiaccess-oauth-connected"),
    ]


urlpatterns = patterns() if has_authlib() else []
