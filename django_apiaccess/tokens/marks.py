"""What ties a session to the password that its user had: a changed password ends it, a re-hashed one does not."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable

from ..authn.marks import password_mark, password_unchanged
from .models import TokenSession


def is_upgrade(user: Any, stored: str, fields: frozenset[str]) -> bool:
    """Whether saving `user` only hashes the same password anew, as Django does at a log-in when its hasher changed.

    Django then sets the password, drops the plain text from the instance, and saves this one field. A hash that somebody assigned, an
    unusable password, and the replacement of a hash that is up to date are changes: in doubt the sessions end.
    """
    if fields != {"password"} or user.__dict__.get("_password", "never set") is not None:
        return False
    if not is_password_usable(user.password) or user.password == stored:
        return False
    try:
        preferred, hasher = get_hasher(), identify_hasher(stored)
    except ValueError:
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(stored)


def marked_with(user_id: Any, password: str) -> dict[int, str]:
    """The user's sessions that a password hash keeps alive, and their marks. Those that ended by a change before are not among them."""
    sessions = TokenSession.objects.filter(user=user_id, revoked_at=None).values_list("pk", "password_mark")
    return {pk: mark for pk, mark in sessions if password_unchanged(mark, password)}


def mark_anew(marks: dict[int, str], user: Any) -> None:
    """Tie sessions to the user's present hash; a session that was marked otherwise meanwhile stays as it is."""
    new = password_mark(user)
    for pk, mark in marks.items():
        TokenSession.objects.filter(pk=pk, password_mark=mark).update(password_mark=new)
