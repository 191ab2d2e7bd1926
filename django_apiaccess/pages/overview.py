"""The page "Security": my factors, the devices that I trust, and where I am logged in."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..mfa import policy, recovery, trusted
from ..mfa import service as mfa
from ..mfa.methods import FactorRef, enabled_methods
from ..tokens.models import TokenSession
from . import agents
from .page import THEN, Page

KINDS: Final = {
    "totp": gettext_lazy("Authenticator app"),
    "webauthn": gettext_lazy("Passkey"),
    "sms": gettext_lazy("Text message"),
    "recovery": gettext_lazy("Recovery codes"),
}
HINTS: Final = {"synced": gettext_lazy("synced"), "this device only": gettext_lazy("on one device")}
FEW: Final = 3
MOST: Final = 50
"""Rows of a list."""


class SecurityPage(Page):
    """The overview."""

    template = "security.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        request.session.pop(THEN, None)
        user = self.user
        choices = mfa.choices(user)
        factors = [factor for factor in choices if factor.type != "recovery"]
        enabled = [method.type for method in enabled_methods()]
        left = recovery.left(user)
        sessions = TokenSession.objects.filter(user=user).live().order_by("-created_at", "-pk")[:MOST]
        return self.show(
            factors=[(factor, KINDS[factor.type], hint_of(factor)) for factor in factors],
            may_add=any(name != "recovery" for name in enabled),
            recovery="recovery" in enabled,
            left=left,
            few=left <= FEW,
            banner=self._banner(factors),
            only_sms=bool(factors) and all(factor.type == "sms" for factor in factors),
            devices=[(device, agents.in_words(device.name)) for device in trusted.devices_of(user)[:MOST]],
            sessions=[(session, agents.in_words(session.device)) for session in sessions],
        )

    def _banner(self, factors: list[FactorRef]) -> dict[str, Any] | None:
        """What the policy wants of somebody who has no factor."""
        if factors:
            return None
        return {"required_by": policy.enrol_by(self.user)}


def hint_of(factor: FactorRef) -> str:
    """What tells it from others of its kind."""
    return str(HINTS.get(factor.hint, factor.hint)) if factor.hint else ""


def kind_of(factor: FactorRef) -> str:
    """What kind of factor it is, in words."""
    return str(KINDS.get(factor.type, _("Factor")))
