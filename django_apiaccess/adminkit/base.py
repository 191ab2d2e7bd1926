"""The base class of this app's admin pages. Django's own, or django-unfold's where that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.apps import apps
from django.contrib.admin import helpers
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

UNFOLD: Final = apps.is_installed("unfold")
"""Asked when Django loads the admin modules, so after every app is known."""

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    BaseModelAdmin = ModelAdmin[Any]
elif UNFOLD:
    from unfold.admin import ModelAdmin as BaseModelAdmin
else:
    from django.contrib.admin import ModelAdmin as BaseModelAdmin


@dataclass(frozen=True, slots=True)
class Tool:
    """A link beside "History" on a change page."""

    title: str
    url: str
    icon: str = "arrow_forward"
    """Name of a Material symbol, for django-unfold."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled piece of HTML below the fields of a change page."""

    title: str
    html: SafeString
    note: str = ""


class AccessModelAdmin(BaseModelAdmin):
    """Base of the app's admin pages: tools and panels on the change page, pages of its own, no deletion in bulk.

    Django's "delete selected" is taken away: it goes round the services, which write the events.
    """

    class Media:
        css = {"all": ("django_apiaccess/admin.css",)}
        js = ("django_apiaccess/admin.js",)

    list_per_page = 50
    show_full_result_count = False

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        """Links of the change page of `obj`, for this user."""
        return []

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        """What the change page of `obj` shows below the fields."""
        return []

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Django's, without its deletion in bulk. Django 6.1 asks for each place where actions are offered."""
        place = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **place)
        actions.pop("delete_selected", None)
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's list; a filter with a number that no database holds is answered as Django answers other bad filters."""
        try:
            return super().changelist_view(request, {"apiaccess_unfold": UNFOLD, **(extra_context or {})})
        except (OverflowError, DataError):
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    def render_change_form(  # noqa: PLR0917 - the signature is Django's
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["apiaccess_tools"] = self.tools(request, obj) if obj is not None else []
        context["apiaccess_panels"] = self.panels(request, obj) if obj is not None else []
        context["apiaccess_unfold"] = UNFOLD
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)

    def object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The row, or the answer "not found", never an error."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404(_("There is no such %(name)s.") % {"name": self.opts.verbose_name})
        return obj

    def allows(self, request: HttpRequest, model: type[Model], verb: str) -> bool:
        """Whether this site shows `model` and lets the person `view`, `add`, ... it."""
        found = self.admin_site._registry.get(model)  # noqa: SLF001 - the public get_model_admin raises where there is none
        return found is not None and bool(getattr(found, f"has_{verb}_permission")(request))

    def require(self, allowed: bool) -> None:
        """Raise `PermissionDenied` unless `allowed`."""
        if not allowed:
            raise PermissionDenied

    def page(
        self,
        request: HttpRequest,
        template: str,
        *,
        title: str,
        obj: Any = None,
        form: Any = None,
        status: int = 200,
        **context: Any,
    ) -> TemplateResponse:
        """A page of this app within the admin: its frame, breadcrumbs and media."""
        request.current_app = self.admin_site.name
        media = self.media
        if form is not None:
            fields = [*context.pop("fields", form.fields)]
            context["adminform"] = adminform = helpers.AdminForm(
                form, [(None, {"fields": fields})], {}, model_admin=self
            )
            media += adminform.media
        return TemplateResponse(
            request,
            f"django_apiaccess/admin/{template}",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                "original": obj,
                "media": media,
                "apiaccess_unfold": UNFOLD,
                "has_view_permission": self.has_view_permission(request, obj),
                **context,
            },
            status=status,
        )

    def ask_reason(
        self,
        request: HttpRequest,
        *,
        title: str,
        lead: str,
        items: Sequence[Any],
        button: str,
        required: bool = True,
        danger: bool = True,
        hidden: Iterable[tuple[str, Any]] = (),
        obj: Any = None,
    ) -> str | TemplateResponse:
        """The reason, once it was given; until then the page that asks for it."""
        asked = request.method == "POST" and "reason_asked" in request.POST
        form = ReasonForm(request.POST if asked else None, required=required)
        if asked and form.is_valid():
            return str(form.cleaned_data["reason"])
        return self.page(
            request, "ask.html", title=title, obj=obj, form=form, lead=lead, items=items, button=button, danger=danger,
            hidden=[*hidden, ("reason_asked", "1")],
        )  # fmt: skip


class ReadOnly:
    """Mixin: the row is written by the app itself."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GoesWithItsUser:
    """Mixin: a row goes with its user, whoever may delete that one; no page of its own deletes it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        match = request.resolver_match
        meta = self.opts  # type: ignore[attr-defined]
        return match is not None and not (match.url_name or "").startswith(f"{meta.app_label}_{meta.model_name}_")

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {**super().get_model_perms(request), "delete": False}  # type: ignore[misc]


class DeletedOnlyWithItsUser:
    """Mixin: no page of its own deletes such a row; a user is deleted with theirs by whoever has the permission for both."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        match = request.resolver_match
        meta = self.opts  # type: ignore[attr-defined]
        if match is not None and (match.url_name or "").startswith(f"{meta.app_label}_{meta.model_name}_"):
            return False
        return bool(super().has_delete_permission(request, obj))  # type: ignore[misc]


class ReasonForm(forms.Form):
    """Why something ends."""

    reason = forms.CharField(
        label=_("Reason"), max_length=255, help_text=_("It is kept in the event. Write no secret here.")
    )

    def __init__(self, *args: Any, required: bool, **kwargs: Any) -> None:
        from . import widgets

        super().__init__(*args, **kwargs)
        self.fields["reason"].required = required
        self.fields["reason"].widget = widgets.Text(attrs={"maxlength": 255, "autofocus": True, "autocomplete": "off"})


def admin_url(obj: Model | type[Model], view: str, *args: Any) -> str:
    """Address of an admin page of a model; empty where the model is not in the admin."""
    meta = obj._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=args)
    except NoReverseMatch:
        return ""
