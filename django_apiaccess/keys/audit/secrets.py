"""Secrets of keys: how old, how many at once, and what their digests were made with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q

from ...audit.finding import Finding, Severity
from ...audit.many import each
from ...audit.rules import rule
from ...audit.run import Audit
from ...conf import access_settings
from ...core import digests
from ..models import APIKeySecret
from .subjects import day, key_subject

OLD: Final = timedelta(days=365)
LONG_GRACE: Final = timedelta(days=7)


def live(audit: Audit) -> Any:
    """Secrets that still open something, of keys that do."""
    key = Q(key__revoked_at=None) & (Q(key__expires_at=None) | Q(key__expires_at__gt=audit.now))
    return APIKeySecret.objects.live(audit.now).filter(key).select_related("key__principal")


def rotate(secret: Any) -> str:
    """The line that gives the key a new secret."""
    return f"manage.py rotate_api_keys {secret.key_id} --grace 24h"


@rule(
    "keys.old-secret",
    Severity.MEDIUM,
    title="API keys whose secret is older than a year",
    why="Every place that a secret was ever written to may still hold it: logs, laptops, images. A rotation makes all of them worthless.",
    fix="manage.py rotate_api_keys KEY_ID --grace 24h",
    references=("ASVS 13.3.4", "CWE-324"),
)
def old_secret(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        message = f"has the secret of {day(secret.created_at)}"
        return audit.found(key_subject(secret.key), message, fix=rotate(secret), public_id=secret.public_id)

    rows = live(audit).filter(retired_at=None, created_at__lt=audit.now - OLD)
    yield from each(audit, rows, "api_key", finding)


@rule(
    "keys.two-live-secrets",
    Severity.MEDIUM,
    title="API keys whose replaced secret still works",
    why="A rotation that nobody ended protects from nothing: whoever has the old secret still gets in.",
    fix="manage.py rotate_api_keys KEY_ID --grace 24h",
    references=("ASVS 13.3.4", "NIST SP 800-57 part 1 section 5.3.6"),
)
def two_live_secrets(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        until = f"until {day(secret.expires_at)}" if secret.expires_at else "without an end"
        used = f"used last on {day(secret.last_used_at)}" if secret.last_used_at else "not used since it was made"
        message = f"the secret that was replaced on {day(secret.retired_at)} works on, {until}; {used}"
        return audit.found(
            key_subject(secret.key), message, fix=rotate(secret), aspect=secret.public_id, public_id=secret.public_id
        )

    yield from each(audit, live(audit).filter(retired_at__lt=audit.now - LONG_GRACE), "api_key", finding)


def _made_with(peppers: tuple[str, ...]) -> Q:
    names = (Q(digest__startswith=f"{digests.NATIVE}${digests.fingerprint(pepper)}$") for pepper in peppers)
    return reduce(or_, names, Q(pk__in=[]))


@rule(
    "keys.old-pepper",
    Severity.LOW,
    title="API keys that still need an older pepper",
    why="As long as one key needs it, the old pepper cannot be taken out of the settings. Such a key is upgraded when it is used.",
    fix="manage.py rotate_api_keys KEY_ID --grace 24h",
    references=("ASVS 13.3.4", "ASVS 11.2.2"),
)
def old_pepper(audit: Audit) -> Iterator[Finding]:
    if len(access_settings.PEPPERS) < 2:
        return
    made = "was last upgraded before the newest pepper was named"

    def finding(secret: Any) -> Finding:
        return audit.found(key_subject(secret.key), made, fix=rotate(secret), aspect=secret.public_id)

    yield from each(audit, live(audit).filter(_made_with(access_settings.PEPPERS[1:])), "api_key", finding)


@rule(
    "keys.lost-pepper",
    Severity.LOW,
    title="API keys whose pepper is gone",
    why="Their digest was made with a pepper that the settings do not name any more: they look usable, and are refused.",
    fix='manage.py revoke_api_keys KEY_ID --reason "Its pepper is gone"',
    references=("ASVS 13.3.1",),
)
def lost_pepper(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        fix = f'manage.py revoke_api_keys {secret.key_id} --reason "Its pepper is gone"'
        return audit.found(key_subject(secret.key), "cannot be verified any more", fix=fix, aspect=secret.public_id)

    lost = live(audit).filter(digest__startswith=f"{digests.NATIVE}$").exclude(_made_with(access_settings.PEPPERS))
    yield from each(audit, lost, "api_key", finding)


@rule(
    "keys.foreign-digest",
    Severity.LOW,
    title="Imported API keys that still have the other package's digest",
    why="It is a plain hash without a pepper: whoever reads the table can test texts against it. The first use upgrades it.",
    fix="manage.py rotate_api_keys KEY_ID --grace 7d",
    references=("ASVS 11.4.2", "CWE-916"),
)
def foreign_digest(audit: Audit) -> Iterator[Finding]:
    def finding(secret: Any) -> Finding:
        fix = f"manage.py rotate_api_keys {secret.key_id} --grace 7d"
        kind = secret.digest.partition("$")[0]
        return audit.found(
            key_subject(secret.key), f"has a digest of the kind {kind}", fix=fix, aspect=secret.public_id
        )

    yield from each(audit, live(audit).exclude(digest__startswith=f"{digests.NATIVE}$"), "api_key", finding)
