"""The second step of a log-in, and the fresh proof that a change of factors asks of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from ..authn.client import where_of
from ..conf import access_settings
from ..exceptions import APIAccessError, TooManyFailures
from ..login import step_up
from ..login.answers import device_of
from ..mfa import service as mfa
from ..mfa import trusted
from ..mfa.errors import InvalidChallenge, MFAError
from ..mfa.methods import FactorRef, Response
from ..mfa.models import MFAChallenge
from . import places
from .forms import CodeForm, PasswordForm, RecoveryForm
from .page import For, Page, credential_in, message_of, say

CHALLENGE: Final = "apiaccess_challenge"
"""Key of the session: the text of the challenge that is being answered. It is in no page."""
FORMS: Final[dict[str, type[Form]]] = {
    "totp": CodeForm,
    "sms": CodeForm,
    "recovery": RecoveryForm,
    "password": PasswordForm,
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to prove who one is. Which of several passkeys it is, the browser says."""

    id: str
    type: str
    name: str
    hint: str


class Proving(Page):
    """What the page and the options for its passkey button share."""

    audience = For.PROVING

    def challenge(self) -> MFAChallenge:
        """The challenge of this session: the one under way, or a new one."""
        return self.under_way() or self.begin()

    def under_way(self) -> MFAChallenge | None:
        """The challenge that was begun, if it is still good."""
        try:
            return step_up.find(self.request, self.visitor.access, self.request.session.get(CHALLENGE))
        except InvalidChallenge:
            return None

    def begin(self) -> MFAChallenge:
        """A new challenge."""
        text, _methods = step_up.begin(self.request, self.visitor.access)
        self.request.session[CHALLENGE] = text
        return step_up.find(self.request, self.visitor.access, text)


class VerifyPage(Proving):
    """Choose a way, and prove it."""

    template = "verify.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        way = self._way()
        if way is None:
            return self._page(None)
        try:
            if request.POST.get("action") == "send":
                mfa.start(self.challenge(), way.id, request=request, where=where_of(request))
                say(request, _("A code is on its way to %(number)s.") % {"number": way.hint})
                return HttpResponseRedirect(self._here(way))
            return self._prove(way)
        except InvalidChallenge:
            request.session.pop(CHALLENGE, None)
            if self.visitor.pending:
                return HttpResponseRedirect(self.log_in_again(request))
            return self._page(self._form(), InvalidChallenge(_("That took too long, or too many tries. Try again.")))
        except APIAccessError as error:
            sent = request.POST if request.POST.get("action") != "send" else None
            return self._page(self._form(sent), error)

    def _prove(self, way: Way) -> HttpResponse:
        form = self._form(self.request.POST)
        if form is not None and not form.is_valid():
            return self._page(form, status=400)
        code = form.cleaned_data["code"] if form is not None else ""
        response = Response(code, credential_in(self.request), self.request)
        self.challenge()
        step_up.finish(self.request, self.visitor.access, self.request.session[CHALLENGE], way.id, response)
        self.request.session.pop(CHALLENGE, None)
        rotate_token(self.request)
        answer = HttpResponseRedirect(places.onward(self.request) or places.address_of(places.SECURITY))
        if self._may_remember() and self.request.POST.get("remember"):
            cookie = trusted.trust(self.user, where=where_of(self.request), name=device_of(self.request))
            if cookie is not None:
                trusted.put(answer, cookie)
        return answer

    def _page(self, form: Form | None, error: APIAccessError | None = None, status: int = 200) -> HttpResponse:
        way = self._way()
        context = {
            "form": form,
            "way": way,
            "others": [(other, self._here(other)) for other in self._ways if other != way],
            "here": self._here(way) if way else "",
            "sent": way is not None and way.type == "sms" and self._is_sent(way),
            "may_remember": self._may_remember(),
            "remember": bool(self.request.POST.get("remember")),
            "trust_days": access_settings.MFA["TRUST_LIFETIME"].days,
            "then": places.onward(self.request),
        }
        return self.refused(error, **context) if error is not None else self.show(status=status, **context)

    def _may_remember(self) -> bool:
        return self.visitor.pending and bool(access_settings.MFA["TRUST_LIFETIME"])

    def _is_sent(self, way: Way) -> bool:
        challenge = self.under_way()
        return challenge is not None and challenge.method == way.id and bool(challenge.code_digest)

    def _form(self, data: Any = None) -> Form | None:
        way = self._way()
        make = FORMS.get(way.type) if way is not None else None
        return make(data) if make is not None else None

    def _here(self, way: Way) -> str:
        then = places.onward(self.request)
        query = {"method": way.id, **({places.NEXT: then} if then else {})}
        return f"{reverse(places.VERIFY)}?{urlencode(query)}"

    def _way(self) -> Way | None:
        ways, wanted = self._ways, self.request.GET.get("method", "")
        return next((way for way in ways if way.id == wanted), ways[0] if ways else None)

    @cached_property
    def _ways(self) -> list[Way]:
        return ways_of(step_up.methods(self.user))


class VerifyOptions(Proving):
    """What the browser's passkey must answer."""

    json = True

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            return JsonResponse(mfa.start(self.challenge(), "webauthn", request=request, where=where_of(request)))
        except (MFAError, TooManyFailures) as error:
            return JsonResponse({"detail": message_of(error)}, status=400)


def ways_of(factors: list[FactorRef]) -> list[Way]:
    """The ways to choose from: all passkeys are one."""
    ways: dict[str, Way] = {}
    for factor in factors:
        if factor.type == "webauthn":
            ways.setdefault("webauthn", Way("webauthn", "webauthn", _("Passkey"), ""))
        else:
            ways[factor.id] = Way(factor.id, factor.type, factor.name, factor.hint)
    return list(ways.values())
