"""Which keys a command is about: by id, or by what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Exists, OuterRef, Subquery

from ..conf import access_settings
from ..core import secrets
from ..exceptions import UnknownName
from ..keys import legacy
from ..keys.models import APIKey, APIKeySecret
from ..keys.querysets import APIKeyQuerySet
from ..roles import names
from . import arguments
from .output import Column

COLUMNS = (
    Column("id", whole=True),
    Column("name"),
    Column("principal"),
    Column("scopes"),
    Column("status", whole=True),
    Column("last_used_at", "last used"),
    Column("expires_at", "expires"),
    Column("public_id", "public id", whole=True),
)


def add_key_ids(parser: CommandParser) -> None:
    """The positional KEY_IDs."""
    parser.add_argument(
        "key_id",
        nargs="*",
        metavar="KEY_ID",
        help="The key's id as list_api_keys shows it, or the 12 characters after the prefix of its text. Never the whole key.",
    )


def key_ids(texts: Iterable[str | int]) -> list[int]:
    """The primary keys that the texts name. Raises `UnknownName` at the first that names none, and for a whole key."""
    return sorted({_key_id(str(text).strip()) for text in texts})


def _key_id(text: str) -> int:
    _refuse_whole_key(text)
    if text.isascii() and text.isdecimal() and len(text) < 19 and APIKey.objects.filter(pk=int(text)).exists():
        return int(text)
    found = APIKeySecret.objects.filter(public_id=text).values_list("key_id", flat=True).first()
    if found is not None:
        return int(found)
    raise UnknownName(f"Unknown key {text!r}.{_hint(text)} list_api_keys shows the ids.")


def _refuse_whole_key(text: str) -> None:
    prefix = access_settings.KEY_PREFIX
    found = secrets.pattern(prefix).search(text)
    ids = (found[1],) if found else (*legacy.public_ids("api-key", text), *legacy.public_ids("token", text))
    if not ids:
        return
    known = APIKeySecret.objects.filter(public_id__in=ids).values_list("key_id", flat=True).first()
    use = (
        f"the id {known}"
        if known is not None
        else f"the 12 characters {ids[0]}"
        if found
        else "the id that list_api_keys shows"
    )
    raise CommandError(
        f"This is a whole key, and it stands in your shell's history now: treat it as leaked. Name it by {use}. "
        "To revoke keys by their text, put the text in a file: revoke_api_keys --leaked FILE, or --leaked - for stdin."
    )


def _hint(text: str) -> str:
    same_name = list(APIKey.objects.filter(name=text).values_list("pk", flat=True)[:5])
    if same_name:
        return f" Keys are named by id; those called {text!r}: {', '.join(map(str, same_name))}."
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return arguments.nearest_number(APIKey.objects.all(), int(text)) or " There are no keys yet."
    alike = APIKeySecret.objects.filter(public_id__istartswith=text[:1]).values_list("public_id", flat=True)[:1000]
    called = APIKey.objects.filter(name__istartswith=text[:1]).values_list("name", flat=True)[:1000]
    return names.nearest(text, [*alike, *called])


def narrowed(options: Mapping[str, Any]) -> APIKeyQuerySet:
    """The keys within the given filters; several filters narrow each other. Raises `UnknownName` and `CommandError`."""
    keys: APIKeyQuerySet = APIKey.objects.all()
    principal = arguments.principal(options)
    if principal is not None:
        keys = keys.filter(principal=principal)
    for option, narrow in (
        ("older_than", "older_than"),
        ("unused_for", "unused_for"),
        ("expiring_within", "expiring_within"),
    ):
        if options.get(option) is not None:
            keys = getattr(keys, narrow)(arguments.length(options[option], f"--{option.replace('_', '-')}"))
    return keys


def rows(keys: APIKeyQuerySet) -> Iterable[dict[str, Any]]:
    """The keys as plain data, never a secret. Read piece by piece."""
    current = APIKeySecret.objects.current().filter(key=OuterRef("pk")).values("public_id")[:1]
    old = APIKeySecret.objects.live().filter(key=OuterRef("pk"), public_id__contains=":")
    found = (
        keys.select_related("principal").annotate(public_id=Subquery(current), has_legacy=Exists(old)).order_by("pk")
    )
    for key in found.iterator(chunk_size=2000):
        yield {
            "id": key.pk,
            "name": key.name,
            "principal": key.principal.get_username(),
            "scopes": sorted(key.scopes),
            "status": str(key.status.value),
            "created_at": key.created_at,
            "last_used_at": key.last_used_at,
            "last_used_from": key.last_used_from,
            "use_count": key.use_count,
            "expires_at": key.expires_at,
            "public_id": key.public_id,
            "legacy": key.has_legacy,
            "dpop_jkt": key.dpop_jkt,
        }
