"""The form of the access tester: who asks, what for, and in which circumstances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit import widgets
from ..core import scopes as core_scopes
from ..core.addresses import parse_address
from ..core.assurance import ACR_LEVELS
from ..core.durations import parse_duration
from ..exceptions import InvalidChange
from ..keys.admin_search import without_secrets
from ..keys.service import service_account
from ..roles import names
from .callers import Anonymous, Caller, Imagined, SignedIn, WithKey, WithScopes
from .context import Context
from .declaration import METHODS
from .naming import key_named, session_named

WHO: Final = (
    ("user", gettext_lazy("a user, signed in")),
    ("service_account", gettext_lazy("a service account")),
    ("key", gettext_lazy("an API key")),
    ("session", gettext_lazy("a token session")),
    ("role", gettext_lazy("somebody with one role")),
    ("anonymous", gettext_lazy("nobody: no credential")),
)
SCOPED: Final = frozenset({"user", "service_account", "role"})
"""Callers that may be imagined with a credential for some scopes only."""


class TesterForm(forms.Form):
    """Cleaned, it has `caller` and `context`. A whole key in the field of the name is refused and not shown again."""

    who = forms.ChoiceField(label=gettext_lazy("Who asks"), choices=WHO, widget=widgets.Select)
    name = forms.CharField(
        label=gettext_lazy("Name or id"),
        max_length=200,
        required=False,
        help_text=gettext_lazy(
            "User name, name of the service account or role, id of the key (never the key itself), id of the session."
        ),
        widget=widgets.Text(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    scopes = forms.CharField(
        label=gettext_lazy("Only with scopes"),
        max_length=1000,
        required=False,
        help_text=gettext_lazy(
            "By an imagined token or key for these scopes, separated by spaces. Empty: all that they hold."
        ),
        widget=widgets.Text(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Method"),
        choices=[(name, name) for name in sorted(METHODS)],
        initial="GET",
        widget=widgets.Select,
    )
    path = forms.CharField(
        label=gettext_lazy("Path"),
        max_length=2000,
        help_text=gettext_lazy("With the values in it, as /api/orders/17/."),
        widget=widgets.Text(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    address = forms.CharField(
        label=gettext_lazy("From address"),
        max_length=45,
        required=False,
        widget=widgets.Text(attrs={"autocomplete": "off"}),
    )
    origin = forms.CharField(
        label=gettext_lazy("Origin"), max_length=200, required=False, widget=widgets.Text(attrs={"autocomplete": "off"})
    )
    acr = forms.ChoiceField(
        label=gettext_lazy("Strength of the log-in"),
        choices=[
            ("", gettext_lazy("complete: with the second factor of who has one")),
            *((acr, acr) for acr in ACR_LEVELS),
        ],
        required=False,
        widget=widgets.Select,
    )
    auth_age = forms.CharField(
        label=gettext_lazy("Log-in was before"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("As 10m or 2h. Empty: just now."),
        widget=widgets.Text(attrs={"autocomplete": "off"}),
    )
    tls = forms.BooleanField(label=gettext_lazy("Over TLS"), required=False, initial=True, widget=widgets.Checkbox)

    caller: Caller
    context: Context

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if without_secrets(name) != name:
            self.data = {**self.data.dict(), "name": ""} if isinstance(self.data, QueryDict) else {}
            raise ValidationError(_("This was a whole key. It is not shown again; name the key by its id."))
        if not name and self.cleaned_data.get("who") != "anonymous":
            raise ValidationError(_("Say who."))
        return name

    def clean_scopes(self) -> frozenset[str]:
        found = core_scopes.parse(self.cleaned_data["scopes"])
        complaints = [complaint for name in sorted(found) if (complaint := core_scopes.registry.complaint(name))]
        if complaints:
            raise ValidationError(complaints)
        if found and self.cleaned_data.get("who") not in SCOPED:
            raise ValidationError(_("Other credentials have scopes of their own: leave this empty."))
        return found

    def clean_address(self) -> str:
        text = str(self.cleaned_data["address"]).strip()
        if text and parse_address(text) is None:
            raise ValidationError(_("This is no address: write 203.0.113.7 or 2001:db8::7."))
        return text

    def clean_auth_age(self) -> int:
        text = self.cleaned_data["auth_age"]
        try:
            return int(parse_duration(text).total_seconds()) if text else 0
        except (ValueError, OverflowError) as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        granted = data["scopes"] or None
        try:
            self.caller = _CALLERS[data["who"]](data["name"], granted)
        except InvalidChange as error:
            self.add_error("name", str(error))
        try:
            self.context = Context(
                address=data["address"],
                origin=data["origin"],
                secure=data["tls"],
                acr=data["acr"] or None,
                auth_age=data["auth_age"],
            )
        except InvalidChange as error:
            self.add_error("auth_age", str(error))
        return data


def _user(name: str, granted: frozenset[str] | None) -> Caller:
    user = names.user(name)
    return SignedIn(user) if granted is None else WithScopes(user, granted)


def _account(name: str, granted: frozenset[str] | None) -> Caller:
    return WithScopes(service_account(name).user, core_scopes.registry.names() if granted is None else granted)


_CALLERS: Final[dict[str, Callable[[str, frozenset[str] | None], Caller]]] = {
    "user": _user,
    "service_account": _account,
    "key": lambda name, _granted: WithKey(key_named(name)),
    "session": lambda name, _granted: session_named(name),
    "role": lambda name, granted: Imagined(frozenset({names.role(name).name}), granted=granted),
    "anonymous": lambda _name, _granted: Anonymous(),
}
