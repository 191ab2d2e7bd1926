"""Forms of keys and service accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit import widgets
from ..authn.admin import RehearsedForm, RehearsedModelForm, actor_of
from ..conf import access_settings
from ..core import scopes as core_scopes
from ..core.durations import humanise, parse_duration
from ..roles.rights import held_by
from . import service
from .approvals import policy
from .approvals import service as approvals
from .approvals.models import KeyRequest
from .models import APIKey, ServiceAccount

ON_A_DATE: Final = "date"
NEVER: Final = "never"
LIFETIMES: Final = ("7d", "30d", "90d", "180d", "365d")
GRACES: Final = ("0", "1h", "24h", "7d")


class KeyForm(RehearsedModelForm):
    """What both forms of a key have."""

    scopes = widgets.ScopesField(
        label=gettext_lazy("Scopes"),
        required=False,
        help_text=gettext_lazy(
            "What the key may be used for. It never opens more than its principal holds at the time."
        ),
    )

    justification = forms.CharField(
        label=gettext_lazy("Justification"),
        required=False,
        max_length=1000,
        widget=widgets.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("What it is for. Needed where another person must approve it; they read it."),
    )
    asked: KeyRequest | None = None
    """The request that was made in place of the change, where another person must approve."""

    class Meta:
        model = APIKey
        fields = ("name", "scopes", "networks", "origins", "rate", "expires_at", "on_leak")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not policy.active():
            del self.fields["justification"]
        for name, placeholder in (("networks", "203.0.113.0/24"), ("origins", "https://shop.example")):
            if name in self.fields:
                self.fields[name].widget.attrs.update(rows=2, placeholder=placeholder, spellcheck="false")
        if "on_leak" in self.fields:
            on_leak: Any = self.fields["on_leak"]
            by_setting = dict(APIKey._meta.get_field("on_leak").flatchoices)[access_settings.LEAKS["ON_LEAK"]]
            on_leak.choices = [("", _("as the settings say: %s") % by_setting), *on_leak.choices[1:]]
        if "rate" in self.fields:
            self.fields["rate"].widget.attrs.update(placeholder="100/min", spellcheck="false")


class NewKeyForm(KeyForm):
    """A new key. `write` issues it and keeps the answer in `issued`, in memory only."""

    lifetime = forms.ChoiceField(label=gettext_lazy("Expires"), widget=widgets.Select)
    expires_at = forms.SplitDateTimeField(
        label=gettext_lazy("On this date"), required=False, widget=widgets.SplitDateTime
    )
    issued: service.Issued | None = None

    class Meta(KeyForm.Meta):
        fields = ("name", "principal", "scopes", "networks", "origins", "rate", "on_leak")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices, default = lifetimes()
        lifetime: Any = self.fields["lifetime"]
        lifetime.choices = choices
        self.initial.setdefault("lifetime", default)
        self.fields["expires_at"].help_text = _("Only for “on a date”.")
        actor = self.request.user
        held = held_by(actor)
        beyond = core_scopes.registry.names() - held.scopes - held.object_scopes
        scopes: Any = self.fields["scopes"].widget
        scopes.notes = {name: _("you do not hold this, so you cannot give it") for name in beyond}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("lifetime") == ON_A_DATE and not cleaned.get("expires_at") and "expires_at" not in self.errors:
            self.add_error("expires_at", _("Give the date and the time."))
        if not self.errors:
            self.rehearse(self.issue)
        return cleaned

    def issue(self) -> service.Issued | KeyRequest:
        """Issue the key, or ask for it."""
        data = self.cleaned_data
        return approvals.issue(
            justification=data.get("justification", ""),
            principal=data["principal"],
            name=data["name"],
            scopes=data["scopes"],
            networks=data["networks"],
            origins=data["origins"],
            rate=data["rate"],
            on_leak=data["on_leak"],
            expires_at=self.expiry(data["lifetime"], data["expires_at"]),
            by=actor_of(self.request),
        )

    @staticmethod
    def expiry(lifetime: str, date: datetime | None) -> datetime | None:
        """The moment that the two fields mean."""
        if lifetime == NEVER:
            return None
        return date if lifetime == ON_A_DATE else timezone.now() + parse_duration(lifetime)

    def write(self) -> APIKey:
        """Issue it for good; where it was asked for, the key that is not there yet."""
        made = self.issue()
        if isinstance(made, KeyRequest):
            self.asked = made
            return cast("APIKey", self.instance)
        self.issued = made
        return made.key


def lifetimes() -> tuple[list[tuple[str, str]], str]:
    """The presets that the settings allow, and which of them is the settings' own."""
    longest, default = access_settings.KEY_MAX_LIFETIME, access_settings.KEY_DEFAULT_LIFETIME
    if longest is not None and (default is None or default > longest):
        default = longest
    lengths = {parse_duration(text) for text in LIFETIMES} | ({default} if default else set())
    allowed = sorted(length for length in lengths if longest is None or length <= longest)
    choices = [(humanise(length), words(length)) for length in allowed]
    if longest is None:
        choices.append((NEVER, _("never (until it is revoked)")))
    choices.append((ON_A_DATE, _("on a date…")))
    return choices, humanise(default) if default else NEVER


def words(length: timedelta) -> str:
    """`in 90 days`, `in 12 hours`."""
    days, seconds = length.days, length.seconds
    return _("in %d days") % days if days and not seconds else _("in %s") % humanise(length)


class ChangeKeyForm(KeyForm):
    """Name, scopes and limits of a key that there is. Only what was changed is handed on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            held = held_by(self.instance.principal)
            beyond = core_scopes.registry.names() - held.scopes - held.object_scopes
            scopes: Any = self.fields["scopes"].widget
            who = self.instance.principal.get_username()
            scopes.notes = {name: _("%s does not hold this now") % who for name in beyond}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self.rehearse(self.write)
        return cleaned

    def write(self) -> APIKey:
        """Change it for good, or ask for the change."""
        changes = {name: self.cleaned_data[name] for name in self.changed_data if name in KeyForm.Meta.fields}
        fresh = APIKey.objects.select_related("principal").get(pk=self.instance.pk)
        why = self.cleaned_data.get("justification", "")
        done = approvals.change(fresh, by=actor_of(self.request), justification=why, **changes)
        if isinstance(done, KeyRequest):
            self.asked = done
            return cast("APIKey", self.instance)
        return done


class RotateForm(RehearsedForm, forms.Form):
    """How long the old secret lives on."""

    grace = forms.ChoiceField(label=gettext_lazy("The old secret works on for"), widget=widgets.Select)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=255, required=False, widget=widgets.Text)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        default = access_settings.KEY_ROTATION_GRACE
        offered = {parse_duration(text): text for text in GRACES}
        offered.setdefault(default, humanise(default))
        grace: Any = self.fields["grace"]
        grace.choices = [(text, self.words(length)) for length, text in sorted(offered.items())]
        grace.initial = offered[default]
        grace.help_text = _("Long enough to put the new secret into every program that uses the key.")

    @staticmethod
    def words(length: timedelta) -> str:
        if not length:
            return _("no time at all: it ends now")
        hours = length / timedelta(hours=1)
        if hours == 1:
            return _("1 hour")
        if hours <= 48 and hours == int(hours):
            return _("%d hours") % hours
        return _("%d days") % length.days if length.days and not length.seconds else humanise(length)

    def show(self, message: str) -> None:
        """An error of the whole form."""
        self.add_error(NON_FIELD_ERRORS, message)


class NewServiceAccountForm(RehearsedModelForm):
    """A new service account, made by `service.create_service_account`."""

    class Meta:
        model = ServiceAccount
        fields = ("name", "owner", "purpose")

    def validate_constraints(self) -> None:
        """The service says the same, and looks at the names of users too."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self.rehearse(self.write)
        return cleaned

    def write(self) -> ServiceAccount:
        """Create it for good."""
        data = self.cleaned_data
        by = actor_of(self.request)
        return service.create_service_account(name=data["name"], owner=data["owner"], purpose=data["purpose"], by=by)


class ChangeServiceAccountForm(RehearsedModelForm):
    """Owner, purpose and whether it may be used."""

    active = forms.BooleanField(
        label=gettext_lazy("Active"),
        required=False,
        widget=widgets.Checkbox,
        help_text=gettext_lazy("Without it every key of the account is refused from the next request on."),
    )

    class Meta:
        model = ServiceAccount
        fields = ("owner", "purpose")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["active"] = self.instance.user.is_active

    def write(self) -> ServiceAccount:
        """Change it for good."""
        data = self.cleaned_data
        fresh = ServiceAccount.objects.select_related("user").get(pk=self.instance.pk)
        by = actor_of(self.request)
        return service.change_service_account(
            fresh, owner=data["owner"], purpose=data["purpose"], active=data["active"], by=by
        )
