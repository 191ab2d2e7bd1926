"""The column that holds a credential's scopes. Named in migrations: it never moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from ..core import scopes


def validate_scopes(names: Iterable[str]) -> None:
    """Refuse names that no installed app declares; the message names the nearest."""
    complaints = [complaint for name in sorted(names) if (complaint := scopes.registry.complaint(name))]
    if complaints:
        raise ValidationError(complaints)


if TYPE_CHECKING:
    Text = models.TextField[Iterable[str] | str, frozenset[str]]
else:
    Text = models.TextField


class ScopesField(Text):
    """A set of scope names, stored as an RFC 6749 scope string; in Python a frozenset of str.

    Text, not rows of another table, because a credential is a snapshot of names, as in a token's `scope` claim: it must be
    readable in the one statement of a request, and a name that is no longer declared simply opens nothing.
    """

    default_validators = [validate_scopes]

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> frozenset[str]:
        return scopes.parse(value or "")

    def to_python(self, value: Any) -> frozenset[str]:
        if isinstance(value, str):
            return scopes.parse(value)
        return frozenset(value or ())

    def get_prep_value(self, value: Any) -> str:
        return scopes.dump(self.to_python(value))

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))
