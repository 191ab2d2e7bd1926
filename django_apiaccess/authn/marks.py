"""A mark of the password that somebody had: what was begun under it ends when the password changes."""

from __future__ import annotations

from typing import Any

from ..conf import access_settings
from ..core import digests


def password_mark(user: Any) -> str:
    """A digest of the user's present password hash; it tells nothing of either."""
    return digests.make(str(user.password), access_settings.PEPPERS)


def password_unchanged(mark: str, password: str) -> bool:
    """Whether the user's password hash is still the one that was marked."""
    verdict = digests.verify(password, mark, access_settings.PEPPERS)
    return verdict in {digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED}


def is_outdated(mark: str, password: str) -> bool:
    """Whether a right mark was made under an old pepper."""
    return digests.verify(password, mark, access_settings.PEPPERS) is digests.Verdict.MATCH_OUTDATED
