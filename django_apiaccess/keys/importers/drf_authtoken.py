"""DRF's authtoken: one token a user, stored in clear. It is stored here as a digest of ours at once."""

from __future__ import annotations

from typing import Any

from django.db import models

from ...conf import access_settings
from ...core import digests
from .. import legacy
from .source import ForeignKeyText, Source, Unusable, user_column


class DRFAuthToken(Source):
    """`rest_framework.authtoken`."""

    default_model = "app.Token"
    table = "authtoken_token"
    header = "Authorization: Token <key>"

    @classmethod
    def columns(cls) -> dict[str, models.Field[Any, Any]]:
        return {
            "key": models.CharField(max_length=40, primary_key=True),
            "user_id": user_column(),
            "created": models.DateTimeField(),
        }

    def convert(self, row: Any) -> ForeignKeyText | Unusable:
        if legacy.authtoken_id(row.key) not in legacy.public_ids("token", row.key):
            return Unusable(
                f"the token of user {row.user_id}", "it is not of the form that this app reads (40 hexadecimal digits)"
            )
        return ForeignKeyText(
            public_id=legacy.authtoken_id(row.key),
            digest=digests.make(row.key, access_settings.PEPPERS),
            name="DRF auth token",
            user_id=row.user_id,
            created_at=row.created,
        )
