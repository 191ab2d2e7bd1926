"""Callers by the names that people type: keys and token sessions. Raises `UnknownName` with the nearest."""

from __future__ import annotations

from ..exceptions import UnknownName
from ..keys.lookup import KeyRow, load
from ..keys.models import APIKey, APIKeySecret
from ..roles import names
from ..tokens.lookup import load as load_session
from ..tokens.models import TokenSession
from .presented import WithSession

MOST = 1000
"""Names that are looked through for the nearest one."""


def key_named(text: str) -> KeyRow:
    """The row of a key's current secret, by the key's id; or of the secret whose public id `text` is."""
    secret = APIKeySecret.objects.filter(public_id=text).first() if names.is_text(text) else None
    if secret is None and text.isascii() and text.isdecimal() and len(text) < 19:
        secret = APIKeySecret.objects.filter(key=int(text)).current().first()
    row = None if secret is None else load(secret.public_id)
    if row is None:
        known = map(str, APIKey.objects.order_by("-pk").values_list("pk", flat=True)[:MOST])
        hint = names.nearest(text, known)
        raise UnknownName(f"Unknown key {text!r}, or it has no secret any more.{hint}", field="key")
    return row


def session_named(sid: str) -> WithSession:
    """The caller with that token session."""
    known_text = names.is_text(sid)
    session = TokenSession.objects.filter(sid=sid).first() if known_text else None
    row = load_session(sid) if known_text else None
    if session is None or row is None:
        known = TokenSession.objects.order_by("-pk").values_list("sid", flat=True)[:MOST]
        raise UnknownName(f"Unknown session {sid!r}.{names.nearest(sid, known)}", field="session")
    return WithSession(session, row)
