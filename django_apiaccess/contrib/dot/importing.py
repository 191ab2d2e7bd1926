"""Applications of django-oauth-toolkit become clients of ours: each in a transaction of its own, whatever is there already left as it is.

An imported secret stays in its table, also after it was rotated: importing again revives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.text import slugify

from ...core.digests import is_native
from ...core.scopes import registry
from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from ...exceptions import InvalidChange
from ...keys.accounts import create_service_account, service_account
from ...keys.models import ServiceAccount
from ...roles import names
from ..oauth import client_secrets, clients
from ..oauth.identity import api_scopes, identity_scopes
from ..oauth.models import ClientSecret, OAuthClient
from . import applications
from .applications import Imported, NotImportable
from .options import APP, DOTTokens, dot_tokens

PACKAGE: Final = "dot"
PURPOSE: Final = "Imported OAuth client"
EVERYTHING: Final = "__all__"
ID_TOKENS: Final = frozenset({"openid", "profile", "email"})


@dataclass(frozen=True, slots=True)
class Refused:
    """An application that did not become a client, and what to do about it."""

    client_id: str
    name: str
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did, in clients."""

    read: int = 0
    imported: int = 0
    already: int = 0
    public: int = 0
    hashed: int = 0
    asked_anew: int = 0
    service_accounts: int = 0
    refused: list[Refused] = field(default_factory=list)


class Import:
    """One run. `scopes` None: what the setting `DOT` says that DOT's scopes give.

    `owner` answers for service accounts of applications that act for themselves and have no user. Raises `InvalidChange` before anything
    is read.
    """

    def __init__(
        self,
        *,
        by: Actor,
        scopes: Iterable[str] | None = None,
        owner: Any = None,
        model: str = "",
        using: str = "default",
        dry_run: bool = False,
    ) -> None:
        self.by, self.owner, self.using, self.dry_run, self.report = by, owner, using, dry_run, Report()
        tokens = dot_tokens()
        self.accounts = {} if tokens is None else tokens.service_accounts
        self.scopes = named_scopes(scopes) if scopes is not None else scopes_of(tokens)
        self.default_scopes = default_scopes_of(tokens) & self.scopes
        self.applications = applications.source(model, using)

    def count(self) -> int:
        """How many applications there are."""
        return int(self.applications._base_manager.using(self.using).count())

    def run(self) -> Iterator[int]:
        """Do it; gives 1 after each application. A dry run does the same in one transaction, and takes it back."""
        with transaction.atomic() if self.dry_run else nullcontext():
            for row in applications.rows(self.applications, self.using):
                self.report.read += 1
                try:
                    with transaction.atomic():
                        self._take(row)
                except (NotImportable, InvalidChange) as problem:
                    self.report.refused.append(Refused(row.client_id, row.name, str(problem)))
                yield 1
            if self.dry_run:
                transaction.set_rollback(True)

    def _take(self, row: Any) -> None:
        known = OAuthClient.objects.filter(client_id=row.client_id).first()
        if known is not None:
            if known.origin != OAuthClient.Origin.IMPORTED:
                raise NotImportable("there is a client with this client id here that was not imported")
            self.report.already += 1
            return
        found = applications.convert(row)
        account, is_new = self._account(found)
        client = self._create(found, account)
        self.report.imported += 1
        self.report.service_accounts += is_new
        self.report.public += found.is_public
        self.report.hashed += bool(found.digest) and not is_native(found.digest)
        self.report.asked_anew += found.skips_consent and not client.trusted

    def _create(self, found: Imported, account: ServiceAccount | None) -> OAuthClient:
        """The client with the secret that it has, in place of the new one that every other client gets."""
        scopes = self.scopes if found.speaks_openid else api_scopes(self.scopes)
        client = clients.create(
            by=self.by,
            client_id=found.client_id,
            origin=OAuthClient.Origin.IMPORTED,
            name=found.name,
            owner=self._user(found.owner_id),
            redirect_uris=found.redirect_uris,
            grant_types=found.grants,
            scopes=scopes,
            default_scopes=self.default_scopes & scopes,
            auth_method=OAuthClient.AuthMethod.NONE if found.is_public else OAuthClient.AuthMethod.BASIC,
            trusted=found.skips_consent and not found.is_public,
            is_active=found.is_active,
            service_account=account,
        ).client
        if found.digest:
            ClientSecret.objects.filter(client=client).update(
                public_id=client_secrets.foreign_id(PACKAGE, client.client_id), digest=found.digest
            )
        changed(Action.OAUTH_CLIENT_IMPORTED, client, by=self.by, client_id=client.client_id, source=APP)
        return client

    def _account(self, found: Imported) -> tuple[ServiceAccount | None, bool]:
        """Whom the client speaks for when it speaks for nobody else, and whether the account is new. A new one holds nothing yet."""
        if "client_credentials" not in found.grants:
            return None, False
        name = self.accounts.get(found.client_id)
        if name is not None:
            account = service_account(name)
            if OAuthClient.objects.filter(service_account=account).exists():
                raise NotImportable(f"the service account {name!r} speaks for another client already: name another one")
            return account, False
        owner = self._user(found.owner_id) or self.owner
        if owner is None:
            raise NotImportable(
                "it acts for itself and nobody answers for it: give --owner, or name its service account in "
                f"API_ACCESS['DOT']['SERVICE_ACCOUNTS'] under {found.client_id!r}"
            )
        name = slugify(found.name)[:100] or found.client_id
        try:
            return create_service_account(name=name, owner=owner, purpose=PURPOSE, by=self.by), True
        except InvalidChange as problem:
            raise NotImportable(
                f"no service account could be made for it ({problem}): make one, and name it in "
                f"API_ACCESS['DOT']['SERVICE_ACCOUNTS'] under {found.client_id!r}"
            ) from None

    @staticmethod
    def _user(key: Any) -> Any:
        return None if key is None else get_user_model()._base_manager.filter(pk=key).first()


def named_scopes(given: Iterable[str]) -> frozenset[str]:
    """Scopes that the operator names: declared ones, and those of OpenID Connect. Raises `UnknownName`."""
    found = frozenset(given)
    names.scope_names(api_scopes(found))
    if not found:
        raise InvalidChange("Say what the clients may ask for: --scope NAME.", field="scopes")
    return found


def scopes_of(tokens: DOTTokens | None) -> frozenset[str]:
    """What DOT's own scopes give here, by the setting `DOT`. Raises `InvalidChange` where it says nothing."""
    if tokens is None:
        raise InvalidChange(
            "Say what the clients may ask for: --scope NAME, or API_ACCESS['DOT'] with SCOPES.", field="scopes"
        )
    theirs = _all_of_dot() if apps.is_installed(APP) else frozenset[str]()
    found = tokens.granted(" ".join(theirs)) | (identity_scopes(theirs) & ID_TOKENS)
    if not found:
        raise InvalidChange(
            "None of the scopes of django-oauth-toolkit gives a scope here: mend API_ACCESS['DOT']['SCOPES'], or give --scope NAME.",
            field="scopes",
        )
    return found


def default_scopes_of(tokens: DOTTokens | None) -> frozenset[str]:
    """What a client gets that asks for nothing, as DOT says; empty: all that it may ask for."""
    if tokens is None or not apps.is_installed(APP):
        return frozenset()
    from oauth2_provider.settings import oauth2_settings

    listed = oauth2_settings.DEFAULT_SCOPES
    return frozenset() if EVERYTHING in listed else frozenset(registry.reduce(tokens.granted(" ".join(listed))))


def _all_of_dot() -> frozenset[str]:
    from oauth2_provider.scopes import get_scopes_backend

    return frozenset(get_scopes_backend().get_all_scopes())
