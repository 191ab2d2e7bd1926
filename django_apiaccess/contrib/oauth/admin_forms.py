"""Forms of a client: new, changed. What the service refuses is an error of the field that it names."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...adminkit import widgets
from ...authn.admin import RehearsedModelForm, actor_of
from ...conf import OAUTH_GRANTS
from ...keys.models import ServiceAccount
from ...roles.rights import held_by
from . import clients, options
from .admin_fields import AddressField, ClientScopesField, KeySetField, LengthField, WordsField, note_beyond
from .models import OAuthClient

WHO: Final = ("name", "description", "owner", "homepage", "logo_uri", "policy_uri", "tos_uri")
PROOF: Final = ("auth_method", "jwks", "jwks_uri")
FLOW: Final = ("grant_types", "redirect_uris", "service_account")
RIGHTS: Final = ("scopes", "default_scopes", "audiences")
LIMITS: Final = ("access_token_lifetime", "session_lifetime", "dpop_required", "par_required")
POWERS: Final = ("may_introspect", "trusted")
FIELDS: Final[tuple[str, ...]] = (*WHO, *PROOF, *FLOW, *RIGHTS, *LIMITS, *POWERS)
GRANTS: Final = {
    "authorization_code": gettext_lazy("A person lets it in, in a browser (authorization code)"),
    "refresh_token": gettext_lazy("It stays in without the person (refresh token)"),
    "client_credentials": gettext_lazy("It speaks for a service account (client credentials)"),
    "device_code": gettext_lazy("A device that cannot show a browser (device code)"),
    "token_exchange": gettext_lazy("It exchanges the token that it was called with (token exchange)"),
}


class ClientForm(RehearsedModelForm):
    """What both forms of a client have."""

    homepage = AddressField(label=gettext_lazy("Homepage"))
    logo_uri = AddressField(label=gettext_lazy("Logo"), help_text=gettext_lazy("People's browsers load it from there."))
    policy_uri = AddressField(label=gettext_lazy("Privacy policy"))
    tos_uri = AddressField(label=gettext_lazy("Terms of service"))
    jwks = KeySetField(
        label=gettext_lazy("Public keys"),
        help_text=gettext_lazy("A JWK Set, of a client with a signed assertion. Or its address below."),
    )
    jwks_uri = AddressField(label=gettext_lazy("Address of its public keys"))
    grant_types = WordsField(
        label=gettext_lazy("How it gets tokens"),
        required=False,
        choices=[(name, GRANTS[name]) for name in OAUTH_GRANTS],
    )
    scopes = ClientScopesField(
        label=gettext_lazy("Scopes"),
        required=False,
        help_text=gettext_lazy(
            "What it may ask for at most. It never gets more than the person, or its service account, holds."
        ),
    )
    default_scopes = ClientScopesField(
        label=gettext_lazy("Default scopes"),
        required=False,
        help_text=gettext_lazy("When it asks for none. None ticked: all that it may ask for."),
    )
    audiences = WordsField(label=gettext_lazy("Further resources"), required=False)
    access_token_lifetime = LengthField(
        label=gettext_lazy("An access token lives"),
        help_text=gettext_lazy("As 5m. Empty, or longer than the setting: ACCESS_TOKEN_LIFETIME."),
    )
    session_lifetime = LengthField(
        label=gettext_lazy("An authorization lives"),
        help_text=gettext_lazy(
            "As 30d, however often it is refreshed. Empty, or longer than the setting: SESSION_MAX_LIFETIME."
        ),
    )

    class Meta:
        model = OAuthClient
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = held_by(self.request.user)
        for name in ("scopes", "default_scopes"):
            if name in self.fields:
                note_beyond(self.fields[name].widget, held)
        self._offer_resources()
        if "redirect_uris" in self.fields:
            self.fields["redirect_uris"].widget.attrs.update(
                rows=3, placeholder="https://app.example/callback", spellcheck="false"
            )
        if "service_account" in self.fields:
            account: Any = self.fields["service_account"]
            account.queryset = ServiceAccount.objects.filter(Q(oauth_client=None) | Q(oauth_client=self.instance.pk))
            account.help_text = _("Needed for client credentials: the client may do what is granted to this account.")

    def _offer_resources(self) -> None:
        """Those of the settings, and what the client has from before."""
        if "audiences" not in self.fields:
            return
        field: Any = self.fields["audiences"]
        known = list(dict.fromkeys([*options.entry("RESOURCES"), *self.instance.audiences.split()]))
        field.choices = [(one, one) for one in known]
        field.help_text = _("Resources besides this API.") if known else _("OAUTH['RESOURCES'] lists none.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self.rehearse(self.do)
        return cleaned

    def do(self) -> Any:
        """What the form is for, through the service."""
        raise NotImplementedError


class NewClientForm(ClientForm):
    """A new client. `write` keeps its secret in `registered`, in memory only."""

    registered: clients.Registered | None = None

    def do(self) -> clients.Registered:
        given = {name: self.cleaned_data[name] for name in self.Meta.fields}
        return clients.create(by=actor_of(self.request), **given)

    def write(self) -> OAuthClient:
        """Register it for good."""
        self.registered = self.do()
        return self.registered.client


class ChangeClientForm(ClientForm):
    """What there is of a client. Only what was changed is handed on."""

    is_active = forms.BooleanField(
        label=gettext_lazy("Active"),
        required=False,
        widget=widgets.Checkbox,
        help_text=gettext_lazy(
            "Without it the client gets no tokens, and those that it has are refused from the next request on."
        ),
    )

    class Meta(ClientForm.Meta):
        fields = ("is_active", *FIELDS)

    def do(self) -> OAuthClient:
        changes = {name: self.cleaned_data[name] for name in self.changed_data if name in self.Meta.fields}
        return clients.change(OAuthClient.objects.get(pk=self.instance.pk), by=actor_of(self.request), **changes)

    def write(self) -> OAuthClient:
        """Change it for good."""
        return self.do()
