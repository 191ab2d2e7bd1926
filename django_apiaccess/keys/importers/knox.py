"""django-rest-knox: several tokens a user, SHA-512 of the text (5) or of the bytes it stands for (4.2)."""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from ...exceptions import InvalidChange
from .. import legacy
from .source import ForeignKeyText, Source, Unusable, has_column, user_column

DIGEST_LENGTH: Final = 128


class Knox(Source):
    """`knox.AuthToken`, or the model that KNOX_TOKEN_MODEL names."""

    default_model = "app.AuthToken"
    table = "knox_authtoken"
    header = "Authorization: Token <token>"

    def __init__(self, *, model: str = "", using: str = "default") -> None:
        super().__init__(model=model, using=using)
        if has_column(self.rows._meta.db_table, "salt", using):
            raise InvalidChange(
                "The table has a column 'salt': it is of knox 4.1 or older, whose tokens cannot be found without their user. Update knox "
                "to 4.2 (its migration ends the salted tokens) and import then, or let those clients log in anew.",
                field="model",
            )

    @classmethod
    def columns(cls) -> dict[str, models.Field[Any, Any]]:
        return {
            "digest": models.CharField(max_length=128, primary_key=True),
            "token_key": models.CharField(max_length=25),
            "user_id": user_column(),
            "created": models.DateTimeField(),
            "expiry": models.DateTimeField(null=True),
        }

    def convert(self, row: Any) -> ForeignKeyText | Unusable:
        label = row.token_key[:8]
        if len(row.digest) != DIGEST_LENGTH:
            return Unusable(label, "its digest is no SHA-512 (SECURE_HASH_ALGORITHM was changed)")
        return ForeignKeyText(
            public_id=legacy.knox_id(row.digest),
            digest=f"{legacy.KNOX}$${row.digest}",
            name=f"knox {label}",
            user_id=row.user_id,
            created_at=row.created,
            expires_at=row.expiry,
        )
