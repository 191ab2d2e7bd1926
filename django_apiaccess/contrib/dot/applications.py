"""An application of django-oauth-toolkit as a client of ours, or why it cannot be one. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.hashers import identify_hasher
from django.db import models

from ...conf import access_settings
from ...core import digests
from ...keys.importers.source import foreign_model, table_of, user_column
from ...keys.legacy import DJANGO_HASHER
from .options import APP

TABLE: Final = "oauth2_provider_application"
LONGEST_DIGEST: Final = 255
HASH: Final = re.compile(r"(?:pbkdf2|argon2|bcrypt|scrypt|md5|sha1|unsalted)[a-z0-9_]*\$.+", re.DOTALL)
"""What a hash of Django looks like, whichever hasher made it."""
GRANTS: Final = {
    "authorization-code": ("authorization_code", "refresh_token"),
    "urn:ietf:params:oauth:grant-type:device_code": ("device_code", "refresh_token"),
    "client-credentials": ("client_credentials",),
}
"""Ours by DOT's. The grants that are missing do not exist here: implicit, password and hybrid."""
REFUSED_GRANTS: Final = {
    "implicit": "its grant is implicit, which gives tokens in URLs",
    "password": "its grant is password, which shows the person's password to the client",
    "openid-hybrid": "its grant is openid-hybrid, which gives tokens in URLs",
}
PUBLIC: Final = "public"


@dataclass(frozen=True, slots=True)
class Imported:
    """What becomes a client of ours. `digest` is of its secret, and empty for a public client."""

    client_id: str
    name: str
    owner_id: Any
    grants: tuple[str, ...]
    redirect_uris: str
    is_public: bool
    skips_consent: bool
    is_active: bool
    speaks_openid: bool
    digest: str = field(repr=False)


class NotImportable(Exception):
    """Why an application cannot become a client, in words that say what to do."""


def source(model: str, using: str) -> Any:
    """The model of the applications, or where DOT is gone one over the table that it left. Raises `InvalidChange`."""
    if not model and apps.is_installed(APP):
        from oauth2_provider.models import get_application_model

        return get_application_model()
    if model and any(found._meta.label_lower == model.lower() for found in apps.get_models()):
        return apps.get_model(model)
    columns: dict[str, models.Field[Any, Any]] = {
        "id": models.BigAutoField(primary_key=True),
        "client_id": models.CharField(max_length=255),
        "user_id": user_column(),
        "redirect_uris": models.TextField(),
        "client_type": models.CharField(max_length=32),
        "authorization_grant_type": models.CharField(max_length=44),
        "client_secret": models.CharField(max_length=255),
        "name": models.CharField(max_length=255),
        "skip_authorization": models.BooleanField(),
        "algorithm": models.CharField(max_length=5),
    }
    return foreign_model(table_of(model, using) if model else TABLE, columns, using, "oauth2_provider.Application")


def rows(applications: Any, using: str, size: int = 500) -> Iterator[Any]:
    """Every application, in the order of the primary key, a statement for each `size` of them."""
    last: Any = None
    while True:
        found = applications._base_manager.using(using).order_by("pk")
        batch = list(found[:size] if last is None else found.filter(pk__gt=last)[:size])
        yield from batch
        if len(batch) < size:
            return
        last = batch[-1].pk


def convert(row: Any) -> Imported:
    """One application. Raises `NotImportable`."""
    grant = row.authorization_grant_type
    if grant not in GRANTS:
        why = REFUSED_GRANTS.get(grant, f"its grant is {grant!r:.60}")
        raise NotImportable(f"{why}: move it to authorization-code with PKCE there, and import again")
    is_public = row.client_type == PUBLIC
    if is_public and grant == "client-credentials":
        raise NotImportable("it is public, so nothing proves that it is itself: make it confidential there")
    return Imported(
        client_id=row.client_id,
        name=" ".join(row.name.split())[:100] or row.client_id[:100],
        owner_id=row.user_id,
        grants=GRANTS[grant],
        redirect_uris=row.redirect_uris if grant == "authorization-code" else "",
        is_public=is_public,
        skips_consent=bool(row.skip_authorization),
        is_active=bool(getattr(row, "is_active", True)),
        speaks_openid=bool(row.algorithm),
        digest="" if is_public else digest_of(row.client_secret),
    )


def digest_of(secret: str) -> str:
    """The digest to store: ours for a plain text; a hash of Django's as it is, until its text is seen. Raises `NotImportable`."""
    if not secret:
        raise NotImportable("it has no secret: give it one there, or make it public")
    try:
        identify_hasher(secret)
    except ValueError:
        if HASH.fullmatch(secret):
            raise NotImportable(
                "its secret is a hash of an algorithm that PASSWORD_HASHERS does not name: add its hasher, and import again"
            ) from None
        return digests.make(secret, access_settings.PEPPERS)
    digest = f"{DJANGO_HASHER}$${secret}"
    if len(digest) > LONGEST_DIGEST:
        raise NotImportable(
            "the hash of its secret is too long: set CLIENT_SECRET_HASHER there, and give it a new secret"
        )
    return digest
