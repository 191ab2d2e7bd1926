"""Logging in with a password or with a passkey alone, and logging out."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import _get_backends, login, logout  # type: ignore[attr-defined]
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _

from ..authn.client import where_of
from ..core import secrets
from ..exceptions import APIAccessError, InvalidCredential, TooManyFailures
from ..login.service import begin_passkey
from ..mfa import challenges
from ..mfa import service as mfa
from ..mfa.errors import InvalidChallenge, MFAError
from ..mfa.methods import Response, method_named
from ..mfa.models import MFAChallenge
from ..passwords import sessions
from ..passwords.service import check_password
from . import places
from .forms import LoginForm
from .page import For, Page, credential_in, message_of, say

PASSKEYS: Final = "apiaccess_passkeys"
"""Key of the session: the log-ins by passkey that were begun, their id in the page to the text that only the server has."""
TABS: Final = 3
"""How many of them at a time."""
PASSKEY: Final = (MFAChallenge.Purpose.PASSKEY,)


class LoginPage(Page):
    """User name and password, or a passkey."""

    audience = For.EVERYBODY
    template = "log_in.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        if self._visitor is not None and self._visitor.pending:
            return HttpResponseRedirect(places.address_of(places.VERIFY, then=places.onward(request)))
        return self.show(form=LoginForm(), **self._context())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LoginForm(request.POST)
        if not form.is_valid():
            return self.show(status=400, form=form, **self._context())
        try:
            user = check_password(request, form.cleaned_data["username"], form.cleaned_data["password"])
        except (InvalidCredential, TooManyFailures) as error:
            form.look_at_password()
            return self.refused(error, form=form, **self._context())
        login(request, user)
        request.session.cycle_key()  # Django keeps the key of somebody who logs in once more
        return gone_on(request)

    def _context(self) -> dict[str, Any]:
        return {"passkeys": method_named("webauthn") is not None, "next": places.onward(self.request)}


class PasskeyOptions(Page):
    """What the browser must answer to log in by passkey alone."""

    audience = For.EVERYBODY
    json = True

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            text, started = begin_passkey(request, {})
        except MFAError as error:
            return JsonResponse({"detail": message_of(error)}, status=400)
        key = secrets.split(text, challenges.PREFIX)
        assert key is not None
        begun = dict(list(request.session.get(PASSKEYS, {}).items())[1 - TABS :])
        request.session[PASSKEYS] = {**begun, key.id: text}
        return JsonResponse({"id": key.id, **started})


class PasskeyLogin(LoginPage):
    """Log in by what the passkey answered."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(places.address_of(places.LOGIN, then=places.onward(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        begun = request.session.get(PASSKEYS, {})
        text = begun.pop(request.POST.get("id", ""), None)
        request.session[PASSKEYS] = begun
        try:
            challenge = challenges.find(text, PASSKEY)
            mfa.verify(challenge, "webauthn", Response("", credential_in(request), request), where=where_of(request))
            proof = challenges.use(challenge)
            _log_in(request, challenge.user)
        except InvalidChallenge:
            return self._again(_("That took too long. Try again."))
        except MFAError:
            return self._again(_("This passkey is not known here, or may not be used any more."))
        except APIAccessError as error:
            return self._again(message_of(error))
        request.session.pop(PASSKEYS, None)
        sessions.prove(request, proof)
        return gone_on(request)

    def _again(self, problem: str) -> HttpResponse:
        return self.show(status=400, form=LoginForm(), problem=problem, **self._context())


class LogoutPage(Page):
    """The end of this browser's session, complete or not."""

    audience = For.EVERYBODY

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(places.address_of(places.SECURITY))

    def post(self, request: HttpRequest) -> HttpResponse:
        logout(request)
        say(request, _("You are logged out."))
        return HttpResponseRedirect(places.address_of(places.LOGIN, then=places.onward(request)))


def gone_on(request: HttpRequest) -> HttpResponse:
    """On to the second step where one is due, else to where the visitor wanted to go."""
    then = places.onward(request)
    if sessions.is_pending(request.session):
        return HttpResponseRedirect(places.address_of(places.VERIFY, then=then))
    return HttpResponseRedirect(then or places.address_of(places.SECURITY))


def _log_in(request: HttpRequest, user: Any) -> None:
    """A session of the user, of a back-end that knows them. Raises `InvalidChallenge` where none does."""
    for backend, path in _get_backends(return_tuples=True):
        if hasattr(backend, "get_user") and backend.get_user(user.pk) == user:
            login(request, user, backend=path)
            return
    raise InvalidChallenge
