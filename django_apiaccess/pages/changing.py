"""Recovery codes, renaming and removing factors, and the end of trusted devices and sessions."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..authn.client import where_of
from ..events.source import Actor
from ..exceptions import APIAccessError, InvalidChange
from ..mfa import enrolment, recovery, trusted
from ..mfa import service as mfa
from ..mfa.methods import FactorRef
from ..tokens import service as tokens
from ..tokens.models import TokenSession
from . import places
from .forms import NameForm
from .overview import kind_of
from .page import THEN, Page, say


class RecoveryPage(Page):
    """How many recovery codes are left; ten new ones, in the answer to one POST."""

    template = "recovery.html"
    fresh = True

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(**self._context())

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            if not self.further:  # a factor that appears meanwhile was not proven here
                raise InvalidChange(enrolment.ALONE)
            codes = enrolment.make_recovery_codes(self.user, request=request)
        except APIAccessError as error:
            return self.refused(error, **self._context())
        return self.show("codes.html", codes=codes, then=self._then())

    def _context(self) -> dict[str, Any]:
        return {"left": recovery.left(self.user), "then": self._then()}

    def _then(self) -> str:
        return places.local(self.request, self.request.session.get(THEN, "")) or places.address_of(places.SECURITY)


class FactorPage(Page):
    """What renaming and removing share: a factor of one's own, after a fresh proof."""

    fresh = True

    def factor(self, factor_id: str) -> FactorRef:
        """The visitor's factor; another one's, or none, is not there."""
        found = [factor for factor in mfa.choices(self.user) if factor.id == factor_id]
        if not found:
            raise Http404
        return found[0]

    def done(self, text: str) -> HttpResponse:
        """Back to the overview, with a word on what was done."""
        say(self.request, text)
        return HttpResponseRedirect(places.address_of(places.SECURITY))

    def actor(self) -> Actor:
        """Who does it."""
        return Actor.of_access(self.visitor.access, where_of(self.request))


class RenamePage(FactorPage):
    """Another name."""

    template = "rename.html"

    def get(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        factor = self.factor(factor_id)
        return self.show(form=NameForm(initial={"name": factor.name}), factor=factor)

    def post(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        factor, form = self.factor(factor_id), NameForm(request.POST)
        if not form.is_valid():
            return self.show(status=400, form=form, factor=factor)
        try:
            renamed = enrolment.rename(self.user, factor_id, form.cleaned_data["name"], by=self.actor())
        except APIAccessError as error:
            return self.refused(error, form=form, factor=factor)
        return self.done(_("It is called “%(name)s” now.") % {"name": renamed.name})


class RemovePage(FactorPage):
    """The end of a factor, after a question."""

    template = "remove.html"

    def get(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        return self.show(**self._context(factor_id))

    def post(self, request: HttpRequest, factor_id: str) -> HttpResponse:
        context = self._context(factor_id)
        try:
            enrolment.remove(self.user, factor_id, by=self.actor())
        except APIAccessError as error:
            return self.refused(error, **context)
        return self.done(_("“%(name)s” was removed.") % {"name": context["factor"].name})

    def _context(self, factor_id: str) -> dict[str, Any]:
        factor = self.factor(factor_id)
        primary = [other for other in mfa.choices(self.user) if other.type != "recovery"]
        return {"factor": factor, "kind": kind_of(factor), "last": primary == [factor]}


class EndPage(Page):
    """Ending something: by POST, then back to the overview."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return HttpResponseRedirect(places.address_of(places.SECURITY))

    def post(self, request: HttpRequest, row_id: str = "") -> HttpResponse:
        ended = 0 if "\0" in row_id else self.end(row_id)
        say(request, self.told(ended))
        return HttpResponseRedirect(places.address_of(places.SECURITY))

    def end(self, row_id: str) -> int:
        """End the one of this id, or all without one; those of the visitor alone. Returns how many."""
        raise NotImplementedError

    def told(self, ended: int) -> str:
        """What the visitor is told."""
        raise NotImplementedError

    def actor(self) -> Actor:
        """Who does it."""
        return Actor.of_access(self.visitor.access, where_of(self.request))


class EndTrust(EndPage):
    """A trusted device is asked at its next log-in again."""

    def end(self, row_id: str) -> int:
        mine = trusted.devices_of(self.user)
        return trusted.end_trust(
            mine.filter(public_id=row_id) if row_id else mine, by=self.actor(), reason="ended by its user"
        )

    def told(self, ended: int) -> str:
        return ngettext("%(n)d device is trusted no more.", "%(n)d devices are trusted no more.", ended) % {"n": ended}


class EndSession(EndPage):
    """A token session ends at its next request."""

    def end(self, row_id: str) -> int:
        mine = TokenSession.objects.filter(user=self.user.pk).live()
        return tokens.end(mine.filter(sid=row_id) if row_id else mine, reason="ended by its user", by=self.actor())

    def told(self, ended: int) -> str:
        return ngettext("%(n)d session has ended.", "%(n)d sessions have ended.", ended) % {"n": ended}
