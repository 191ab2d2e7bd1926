"""The forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..mfa.enrolment import MAX_NAME
from ..passwords.service import MAX_LENGTH

MAX_CODE = 64


class Form(forms.Form):
    """What they share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


class CodeInput(forms.TextInput):
    """A field for a code. What was typed is not put back: a code that was wrong is never right later."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


def _code(**attributes: Any) -> CodeInput:
    return CodeInput(
        attrs={"autocapitalize": "none", "spellcheck": "false", "autofocus": True, "class": "code", **attributes}
    )


class LoginForm(Form):
    """User name and password. The password is never put back into the page."""

    username = forms.CharField(
        label=_("User name"),
        max_length=254,
        strip=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}, render_value=False),
    )

    def look_at_password(self) -> None:
        """Put the cursor there: the name is filled in."""
        self.fields["username"].widget.attrs.pop("autofocus", None)
        self.fields["password"].widget.attrs["autofocus"] = True


class CodeForm(Form):
    """A code of digits."""

    code = forms.CharField(
        label=_("Code"),
        max_length=MAX_CODE,
        widget=_code(inputmode="numeric", autocomplete="one-time-code"),
    )


class RecoveryForm(Form):
    """A recovery code."""

    code = forms.CharField(
        label=_("Recovery code"),
        help_text=_("16 letters and digits, with or without the dashes."),
        max_length=MAX_CODE,
        widget=_code(autocomplete="off"),
    )


class PasswordForm(Form):
    """The password once more."""

    code = forms.CharField(
        label=_("Password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "current-password", "autofocus": True},
            render_value=False,
        ),
    )


class NameForm(Form):
    """What a factor is called."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, widget=forms.TextInput(attrs={"autofocus": True}))


class NewFactorForm(Form):
    """What a new factor is to be called."""

    name = forms.CharField(
        label=_("Name (optional)"),
        help_text=_("So that you can tell it from others, as “work laptop”."),
        max_length=MAX_NAME,
        required=False,
    )


class PhoneForm(Form):
    """A phone number."""

    number = forms.CharField(
        label=_("Phone number"),
        help_text=_("With the country code, as +31 6 12345678."),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "autofocus": True}),
    )
    name = forms.CharField(label=_("Name (optional)"), max_length=MAX_NAME, required=False)
