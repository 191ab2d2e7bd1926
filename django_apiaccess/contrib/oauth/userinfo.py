"""`userinfo/` (OpenID Connect Core section 5.3): who the token is of, as far as its session was allowed to know."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ...authentication import OAuth2Authentication
from ...authn import header
from ...authn.responses import Answer, challenge
from ...core import compact
from ...core.requirement import AUTHENTICATED
from ...edge import AccessRefused
from ...permissions import HasAccess, access_of
from ...throttling import AccessRateThrottle
from ...tokens.models import TokenSession
from .identity import OPENID, claims_of

NO_OPENID = Answer(
    403,
    "insufficient_scope",
    "This needs the scope openid.",
    challenge("Bearer", error="insufficient_scope", scope=OPENID),
)


def _scopes_of(request: Request) -> frozenset[str]:
    """What the access token itself was given, those of OpenID Connect among them; it was verified before."""
    presented = header.presented(request._request.META)
    claims = {} if presented is None else compact.parse(presented.value).claims
    return frozenset(str(claims.get("scope", "")).split())


class UserInfoView(APIView):
    """For access tokens with the scope `openid`, within what their session may know still."""

    authentication_classes = (OAuth2Authentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    renderer_classes = (JSONRenderer,)
    access = AUTHENTICATED
    schema = None
    """As the other endpoints of the protocol it is described by the metadata document, not by the schema of the API."""

    def get(self, request: Request) -> Response:
        access = access_of(request)
        assert access is not None
        session = TokenSession.objects.select_related("user").filter(sid=access.session_id).first()
        granted = frozenset() if session is None else session.scope & _scopes_of(request)
        if session is None or OPENID not in granted:
            raise AccessRefused(NO_OPENID)
        user: Any = session.user
        claims = {"sub": str(user.pk), **claims_of(user, granted)}
        return Response(claims, headers={"Cache-Control": "no-store"})

    def post(self, request: Request) -> Response:
        return self.get(request)
