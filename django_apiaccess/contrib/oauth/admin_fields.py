"""Form fields of a client: choices kept as words, durations as people write them, scopes with those of OpenID Connect."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ...adminkit import widgets
from ...adminkit.widgets import ScopeOption
from ...core import scopes as core_scopes
from ...core.durations import humanise, parse_duration
from . import identity
from .fields import validate_https


class WordsField(forms.MultipleChoiceField):
    """Checkboxes whose choices are stored as words with spaces between them."""

    widget = forms.CheckboxSelectMultiple

    def clean(self, value: Any) -> Any:
        return " ".join(super().clean(value))

    def prepare_value(self, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return set(self.prepare_value(initial) or ()) != set(self.prepare_value(data) or ())


class LengthField(forms.CharField):
    """A duration as settings and commands take it: 10m, 30d. Empty: none of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 20, "required": False, "widget": widgets.Text, **kwargs})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def run_validators(self, value: Any) -> None:
        """Those of texts have nothing to say of a duration."""

    def prepare_value(self, value: Any) -> Any:
        return humanise(value) if isinstance(value, timedelta) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class AddressField(forms.URLField):
    """A web address that browsers are sent to: https, also where somebody left the scheme out."""

    def __init__(self, **kwargs: Any) -> None:
        given = {"assume_scheme": "https", "max_length": 500, "required": False, "widget": widgets.Text}
        super().__init__(validators=[validate_https], **{**given, **kwargs})


class KeySetField(forms.JSONField):
    """A JWK Set, pasted; empty where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        widget = widgets.Textarea(attrs={"rows": 4, "spellcheck": "false", "placeholder": '{"keys": [...]}'})
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class ClientScopesWidget(widgets.ScopesWidget):
    """The declared scopes, and before them what a client can learn of a person."""

    def groups(self, base: str, chosen: frozenset[str]) -> Iterable[tuple[str, list[ScopeOption]]]:
        yield (
            "OpenID Connect",
            [
                ScopeOption(name, f"{base}_{name}", str(words), name in chosen)
                for name, words in identity.SCOPES.items()
            ],
        )
        yield from super().groups(base, identity.api_scopes(chosen))


class ClientScopesField(widgets.ScopesField):
    """Scopes that a client may have."""

    widget = ClientScopesWidget

    def validate(self, value: Any) -> None:
        super().validate(identity.api_scopes(value))


def note_beyond(widget: Any, held: Any) -> None:
    """Say at each scope that the person does not hold that they cannot give it."""
    beyond = core_scopes.registry.names() - held.scopes - held.object_scopes
    widget.notes = {name: _("you do not hold this, so you cannot give it") for name in beyond}
