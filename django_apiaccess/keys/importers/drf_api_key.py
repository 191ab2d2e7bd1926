"""djangorestframework-api-key: keys without a user, `prefix.secret`, SHA-512 since 3.0, one of Django's password hashers before."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.hashers import identify_hasher
from django.db import models

from .. import legacy
from .source import ForeignKeyText, Source, Unusable

SHA512: Final = "sha512$$"


class DRFAPIKey(Source):
    """Its APIKey, or any subclass of its AbstractAPIKey."""

    default_model = "app.Model"
    table = "rest_framework_api_key_apikey"
    header = "Authorization: Api-Key <key>"
    has_users = False

    @classmethod
    def columns(cls) -> dict[str, models.Field[Any, Any]]:
        return {
            "id": models.CharField(max_length=150, primary_key=True),
            "prefix": models.CharField(max_length=8),
            "hashed_key": models.CharField(max_length=150),
            "created": models.DateTimeField(),
            "name": models.CharField(max_length=50),
            "revoked": models.BooleanField(),
            "expiry_date": models.DateTimeField(null=True),
        }

    def convert(self, row: Any) -> ForeignKeyText | Unusable:
        # its id holds the digest too, but goes stale when the package hashes anew: only hashed_key counts
        digest = row.hashed_key
        if not digest.startswith(SHA512):
            try:
                identify_hasher(digest)
            except ValueError:
                return Unusable(row.prefix, "its digest is of a password hasher that PASSWORD_HASHERS does not name")
            digest = f"{legacy.DJANGO_HASHER}$${digest}"
        return ForeignKeyText(
            public_id=legacy.drf_api_key_id(row.prefix),
            digest=digest,
            name=row.name or f"drf-api-key {row.prefix}",
            created_at=row.created,
            expires_at=row.expiry_date,
            revoked=row.revoked,
        )
