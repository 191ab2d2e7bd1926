"""Adding a factor: an authenticator app, a phone, a passkey. Also for a log-in that must do so before it goes on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from ..core.assurance import rank
from ..core.proof import Proof
from ..exceptions import APIAccessError
from ..login import step_up
from ..mfa import enrolment, recovery
from ..mfa.errors import InvalidChallenge, NoSuchMethod
from ..mfa.methods import FactorRef, enabled_methods, method_named
from ..mfa.models import SMSFactor, TOTPFactor
from ..sms import mask
from . import places
from .forms import CodeForm, NewFactorForm, PhoneForm
from .overview import kind_of
from .page import THEN, For, Page, credential_in, message_of, say


class Adding(Page):
    """What the pages of this module share."""

    audience = For.ENROLLING
    fresh = True

    def added(self, factor: FactorRef) -> HttpResponse:
        """On from a factor that was just confirmed, which proves it: to recovery codes where there are none, else back."""
        access = self.visitor.access
        proof = enrolment.proof_of(factor, Proof(access.amr, access.acr, timezone.now()))
        if self.visitor.pending or rank(proof.acr) >= rank(access.acr):
            step_up.by_enrolment(self.request, access, factor)
            rotate_token(self.request)
        say(self.request, _("%(kind)s “%(name)s” was added.") % {"kind": kind_of(factor), "name": factor.name})
        if method_named("recovery") is not None and not recovery.left(self.user):
            return HttpResponseRedirect(places.address_of(places.RECOVERY))
        then = places.local(self.request, self.request.session.pop(THEN, ""))
        return HttpResponseRedirect(then or places.address_of(places.SECURITY))


class AddPage(Adding):
    """Which kind of factor."""

    template = "add.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(kinds=[method.type for method in enabled_methods() if method.type != "recovery"])


class TOTPPage(Adding):
    """An authenticator app: its QR code and secret, shown in the answer to one POST."""

    template = "totp.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(form=NewFactorForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewFactorForm(request.POST)
        if not form.is_valid():
            return self.show(status=400, form=form)
        try:
            new = enrolment.begin_totp(self.user, name=form.cleaned_data["name"])
        except APIAccessError as error:
            return self.refused(error, form=form)
        return self.show(
            "totp_code.html",
            form=CodeForm(),
            qr=mark_safe(enrolment.qr_svg(new.uri)),  # noqa: S308 - made by segno out of black squares
            secret=" ".join(new.secret[at : at + 4] for at in range(0, len(new.secret), 4)),
            uri=new.uri,
            confirm=reverse(places.TOTP_CONFIRM, args=[new.id]),
        )


class TOTPConfirmPage(Adding):
    """The code that the app shows."""

    template = "totp_code.html"
    back = places.TOTP

    def get(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse(places.TOTP))

    def post(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        form = CodeForm(request.POST)
        context: dict[str, Any] = {"form": form, "confirm": request.path}
        if not form.is_valid():
            return self.show(status=400, **context)
        try:
            return self.added(_totp(self, factor_id, form))
        except NoSuchMethod as error:
            say(request, message_of(error))
            return HttpResponseRedirect(reverse(places.TOTP))
        except APIAccessError as error:
            return self.refused(error, **context)


class PhonePage(Adding):
    """A phone: a code is sent to it."""

    template = "phone.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(form=PhoneForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PhoneForm(request.POST)
        if not form.is_valid():
            return self.show(status=400, form=form)
        try:
            factor = enrolment.begin_sms(
                self.user, form.cleaned_data["number"], name=form.cleaned_data["name"], request=request
            )
        except APIAccessError as error:
            return self.refused(error, form=form)
        return HttpResponseRedirect(reverse(places.PHONE_CONFIRM, args=[factor.id]))


class PhoneConfirmPage(Adding):
    """The code that the phone got."""

    template = "phone_code.html"
    back = places.PHONE

    def get(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        device = self._device(factor_id)
        if device is None:
            return HttpResponseRedirect(reverse(places.PHONE))
        return self.show(form=CodeForm(), number=mask(device.number))

    def post(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        device = self._device(factor_id)
        if device is None:
            return HttpResponseRedirect(reverse(places.PHONE))
        again = request.POST.get("action") == "send"
        form = CodeForm() if again else CodeForm(request.POST)
        context: dict[str, Any] = {"form": form, "number": mask(device.number)}
        if not again and not form.is_valid():
            return self.show(status=400, **context)
        try:
            if again:
                return self._sent_again(device)
            code = form.cleaned_data["code"]
            made = enrolment.confirm_sms(self.user, factor_id, code, request=request, further=self.further)
            return self.added(made)
        except (InvalidChallenge, NoSuchMethod):
            say(request, _("That took too long, or too many tries. Ask for a new code."))
            return HttpResponseRedirect(reverse(places.PHONE))
        except APIAccessError as error:
            return self.refused(error, **context)

    def _sent_again(self, device: SMSFactor) -> HttpResponse:
        made = enrolment.begin_sms(self.user, device.number, name=device.name, request=self.request)
        say(self.request, _("A new code is on its way."))
        return HttpResponseRedirect(reverse(places.PHONE_CONFIRM, args=[made.id]))

    def _device(self, factor_id: str) -> SMSFactor | None:
        return (
            None
            if "\0" in factor_id
            else SMSFactor.objects.filter(user=self.user, uid=factor_id, confirmed=False).first()
        )


class PasskeyPage(Adding):
    """A passkey that the browser makes."""

    template = "passkey.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(form=NewFactorForm(), enabled=method_named("webauthn") is not None)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewFactorForm(request.POST)
        context: dict[str, Any] = {"form": form, "enabled": method_named("webauthn") is not None}
        if not form.is_valid():
            return self.show(status=400, **context)
        registration, answer = request.POST.get("id", ""), credential_in(request)
        try:
            made = enrolment.confirm_webauthn(
                self.user,
                registration.replace("\0", ""),
                answer,
                name=form.cleaned_data["name"],
                request=request,
                further=self.further,
            )
        except APIAccessError as error:
            return self.refused(error, **context)
        return self.added(made)


class PasskeyOptions(Adding):
    """What the browser must make."""

    json = True
    back = places.PASSKEY

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            registration, options = enrolment.begin_webauthn(self.user, request=request)
        except APIAccessError as error:
            return JsonResponse({"detail": message_of(error)}, status=400)
        return JsonResponse({"id": registration, "options": options})


def _totp(page: Page, factor_id: str, form: CodeForm) -> FactorRef:
    if "\0" in factor_id or not TOTPFactor.objects.filter(user=page.user, uid=factor_id, confirmed=False).exists():
        raise NoSuchMethod(_("This QR code is over. Begin again."))
    code = form.cleaned_data["code"]
    return enrolment.confirm_totp(page.user, factor_id, code, request=page.request, further=page.further)
