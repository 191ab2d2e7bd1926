"""How long keys live, and whether anybody still needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q

from ...audit.finding import Finding, Severity
from ...audit.many import each
from ...audit.rules import rule
from ...audit.run import Audit
from ...conf import access_settings
from ...core.durations import humanise
from ..models import APIKeySecret
from .subjects import day, key_subject, usable

UNUSED: Final = timedelta(days=90)
REASON: Final = '--reason "Nobody uses it"'


@rule(
    "keys.never-expires",
    Severity.MEDIUM,
    title="API keys without an end",
    why="A key that is forgotten, or that somebody copied, opens the API for ever.",
    fix="manage.py change_api_keys KEY_ID --expires 90d",
    references=("ASVS 13.3.4", "CWE-613"),
)
def never_expires(audit: Audit) -> Iterator[Finding]:
    def finding(key: Any) -> Finding:
        length = (
            "90d" if access_settings.KEY_DEFAULT_LIFETIME is None else humanise(access_settings.KEY_DEFAULT_LIFETIME)
        )
        fix = f"manage.py change_api_keys {key.pk} --expires {length}"
        return audit.found(key_subject(key), "never expires", fix=fix, created=day(key.created_at))

    yield from each(audit, usable(audit.now).filter(expires_at=None), "api_key", finding)


@rule(
    "keys.beyond-maximum",
    Severity.MEDIUM,
    title="API keys that live longer than the project allows",
    why="They were made before KEY_MAX_LIFETIME was set or lowered, or behind the service's back.",
    fix="manage.py change_api_keys KEY_ID --expires 90d",
    references=("ASVS 13.3.4", "CWE-613"),
)
def beyond_maximum(audit: Audit) -> Iterator[Finding]:
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is None:
        return

    def finding(key: Any) -> Finding:
        fix = f"manage.py change_api_keys {key.pk} --expires {humanise(longest)}"
        message = f"ends {day(key.expires_at)}; KEY_MAX_LIFETIME is {humanise(longest)}"
        return audit.found(key_subject(key), message, fix=fix)

    beyond = Q(expires_at=None) | Q(expires_at__gt=audit.now + longest + timedelta(minutes=1))
    yield from each(audit, usable(audit.now).filter(beyond), "api_key", finding)


@rule(
    "keys.unused",
    Severity.MEDIUM,
    title="API keys that nobody uses",
    why="A key that no program needs is only of use to somebody who found it.",
    fix=f"manage.py revoke_api_keys KEY_ID {REASON}",
    references=("ASVS 13.2.2", "CWE-613"),
)
def unused(audit: Audit) -> Iterator[Finding]:
    before = audit.now - UNUSED
    imported = APIKeySecret.objects.filter(key=OuterRef("pk"), public_id__contains=":")
    unseen = Q(last_used_at=None, created_at__lt=before) & (Q(scopes_since__lt=before) | ~Exists(imported))

    def finding(key: Any) -> Finding:
        said = "was never used" if key.last_used_at is None else f"was used last on {day(key.last_used_at)}"
        fix = f"manage.py revoke_api_keys {key.pk} {REASON}"
        return audit.found(key_subject(key), said, fix=fix, created=day(key.created_at), uses=key.use_count)

    yield from each(audit, usable(audit.now).filter(Q(last_used_at__lt=before) | unseen), "api_key", finding)
