"""Form widgets in the admin's look, and the field that chooses scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import widgets as django_widgets
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..core import scopes as core_scopes
from .base import UNFOLD

if TYPE_CHECKING or not UNFOLD:
    Text = django_widgets.AdminTextInputWidget
    Textarea = django_widgets.AdminTextareaWidget
    SplitDateTime = django_widgets.AdminSplitDateTime
    Select = forms.Select
    Checkbox = forms.CheckboxInput
else:
    from unfold import widgets as unfold_widgets

    Text = unfold_widgets.UnfoldAdminTextInputWidget
    Textarea = unfold_widgets.UnfoldAdminTextareaWidget
    SplitDateTime = unfold_widgets.UnfoldAdminSplitDateTimeWidget
    Select = unfold_widgets.UnfoldAdminSelectWidget
    Checkbox = unfold_widgets.UnfoldBooleanWidget


class Lookup(django_widgets.AutocompleteSelect):
    """Django's autocomplete, which asks the database for the chosen row. What can be no primary key is no choice, not an error."""

    def optgroups(self, name: Any, value: Any, attr: Any = None) -> Any:
        try:
            with transaction.atomic():
                return super().optgroups(name, value, attr)
        except (ValueError, TypeError, OverflowError, ValidationError, DatabaseError):
            return super().optgroups(name, [], attr)


@dataclass(frozen=True, slots=True)
class ScopeOption:
    """One checkbox."""

    name: str
    id: str
    description: str
    checked: bool
    note: str = ""
    wildcard: bool = False


class ScopesWidget(forms.Widget):
    """Checkboxes of all scopes, grouped by resource, each with what it means. `notes` says more of single scopes."""

    allow_multiple_selected = True
    use_fieldset = True

    def __init__(self, attrs: Any = None, notes: Mapping[str, str] | None = None) -> None:
        super().__init__(attrs)
        self.notes = dict(notes or {})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False  # boxes that are not ticked are not sent

    def id_for_label(self, id_: str) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = frozenset(value or ())
        base = (attrs or {}).get("id", f"id_{name}")
        described = f"{base}_helptext"
        groups = list(self.groups(base, chosen))
        return render_to_string(
            "django_apiaccess/admin/scopes_widget.html",
            {"name": name, "groups": groups, "id": base, "described": described},
        )

    def groups(self, base: str, chosen: frozenset[str]) -> Iterable[tuple[str, list[ScopeOption]]]:
        """Resource to its options, the wildcard last; what is chosen and no longer declared comes at the end."""
        registry = core_scopes.registry

        def option(name: str, description: str, *, note: str = "", wildcard: bool = False) -> ScopeOption:
            identifier = f"{base}_{name.replace(':', '-').replace('*', 'all')}"
            return ScopeOption(
                name, identifier, description, name in chosen, note or self.notes.get(name, ""), wildcard
            )

        for resource in sorted(registry.resources()):
            options = [option(scope.name, scope.description) for scope in registry if scope.resource == resource]
            everything = _("Everything on %(resource)s, now and later") % {"resource": resource}
            yield resource, [*options, option(f"{resource}:*", everything, wildcard=True)]
        gone = sorted(name for name in chosen if not registry.knows(name))
        if gone:
            note = _("no longer declared: opens nothing")
            yield _("not declared"), [option(name, "", note=note) for name in gone]


class ScopesField(forms.Field):
    """A set of scope names. Unknown names are refused with the nearest known one."""

    widget = ScopesWidget

    def to_python(self, value: Any) -> frozenset[str]:
        if isinstance(value, str):
            return core_scopes.parse(value)
        return frozenset(str(name) for name in value or ())

    def validate(self, value: Any) -> None:
        super().validate(value)
        complaints = [complaint for name in sorted(value) if (complaint := core_scopes.registry.complaint(name))]
        if complaints:
            raise forms.ValidationError(complaints)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial) != self.to_python(data)

    def prepare_value(self, value: Any) -> frozenset[str]:
        return self.to_python(value)
