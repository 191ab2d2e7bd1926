"""Who acts in the admin, and forms whose changes go through the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import DataError, router, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from ..adminkit.base import AccessModelAdmin, admin_url
from ..adminkit.widgets import Lookup
from ..core.reasons import Reason
from ..events.record import refused
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, NotHeld
from .client import where_of


def actor_of(request: HttpRequest) -> Actor:
    """The person at the admin: bounded by what they hold."""
    return Actor.of_user(request.user, where=where_of(request))


def record_refusal(request: HttpRequest, error: InvalidChange) -> None:
    """The event of a change that was refused because the person does not hold what they would give."""
    if isinstance(error, NotHeld):
        actor, missing = actor_of(request), list(error.missing)
        refused(Action.CHANGE_REFUSED, Reason.NOT_HELD, by=actor, detail=error.message, missing=missing)


def wait_for_turn() -> None:
    """Take the locks of all changes until the end of the transaction, in the order in which changes take them.

    A rehearsal takes them in a savepoint, gives them back and takes them again; on PostgreSQL two that wait for it meanwhile would close a
    circle (a deadlock).
    """
    generation = apps.get_model("django_apiaccess", "Generation")  # by name: this module stands below the features
    rows = generation._default_manager.using(router.db_for_write(generation)).select_for_update()
    list(rows.order_by("-name"))  # policy before credentials


if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    FormMixin = forms.BaseForm
else:
    ModelForm = forms.ModelForm
    FormMixin = object


class RehearsedForm(FormMixin):
    """Mixin of a form: tries its change in a savepoint that is rolled back, so that what a service refuses is a form error.

    `request` is set on the class by the page that makes the form. A refusal for lack of rights leaves an event.
    """

    request: HttpRequest

    def rehearse(self, change: Callable[[], Any]) -> None:
        """Do `change`, undo it, and turn its `InvalidChange` into an error of the field that it names."""
        try:
            with transaction.atomic():
                wait_for_turn()
                with transaction.atomic():
                    change()
                    transaction.set_rollback(True)
        except InvalidChange as error:
            self.refuse(error)

    def refuse(self, error: InvalidChange) -> None:
        """Show the error at its field, and record it."""
        record_refusal(self.request, error)
        self.add_error(error.field if error.field in self.fields else NON_FIELD_ERRORS, error.message)


class RehearsedModelForm(RehearsedForm, ModelForm):
    """A form of a model whose rows a service writes."""


class ServiceModelAdmin(AccessModelAdmin):
    """A model whose rows only services write: the form rehearses the change, `write` does it."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        for field in form.base_fields.values():
            if isinstance(field.widget, RelatedFieldWidgetWrapper):  # a choice, not the place to make what is chosen
                field.widget = field.widget.widget
            if type(field.widget) is AutocompleteSelect:
                field.widget.__class__ = Lookup
        form.request = request  # the class is made anew for each page
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Django's page; what changed between rehearsal and change is a message, not an error page."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except InvalidChange as error:
            record_refusal(request, error)
            messages.error(request, _("Nothing was changed: %s") % error.message)
            return HttpResponseRedirect(request.get_full_path())
        except (
            OverflowError,
            DataError,
        ):  # a primary key that no database holds: Django's choice fields let it through
            messages.error(request, _("Nothing was changed: a number is too large."))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Let the form's service write; `obj` becomes what was written."""
        written = form.write()
        obj.__dict__.update(written.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service wrote the relations too."""

    def changelist_url(self) -> str:
        """Where the rows are listed."""
        return admin_url(self.model, "changelist")
