"""Whose keys are: people who left, accounts that nobody answers for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import F, Q

from ...audit.finding import Finding, Severity
from ...audit.many import each, is_active, word
from ...audit.rules import rule
from ...audit.run import Audit
from ..models import ServiceAccount
from .subjects import account_subject, key_subject, usable

_MOMENT: Final = timedelta(minutes=1)
"""A secret that is no older than its key by more is the first one."""


@rule(
    "keys.owner-inactive",
    Severity.MEDIUM,
    title="Usable API keys of people and accounts that are not active",
    why="They open nothing now, and all of them work again when somebody activates the account for another reason.",
    fix='manage.py revoke_api_keys KEY_ID --reason "Its owner left"',
    references=("ASVS 7.4.2", "CWE-613"),
)
def owner_inactive(audit: Audit) -> Iterator[Finding]:
    def finding(key: Any) -> Finding:
        fix = f'manage.py revoke_api_keys {key.pk} --reason "Its owner left"'
        return audit.found(key_subject(key), "its principal is not active", fix=fix)

    yield from each(audit, usable(audit.now).filter(is_active("principal", value=False)), "api_key", finding)


@rule(
    "keys.maker-inactive",
    Severity.MEDIUM,
    title="API keys whose text somebody has seen who is not active any more",
    why="Who makes a key sees its text once, and may have kept it.",
    fix="manage.py rotate_api_keys KEY_ID --grace 24h",
    references=("ASVS 13.3.4", "CWE-324"),
)
def maker_inactive(audit: Audit) -> Iterator[Finding]:
    def finding(key: Any) -> Finding:
        message = f"was made by {key.created_by.get_username()}, who is not active"
        return audit.found(key_subject(key), message, fix=f"manage.py rotate_api_keys {key.pk} --grace 24h")

    left = usable(audit.now).filter(is_active("created_by", value=False), is_active("principal"))
    unrotated = Q(secrets__retired_at=None, secrets__created_at__lte=F("created_at") + _MOMENT)
    found = left.filter(unrotated).exclude(created_by=F("principal")).select_related("principal", "created_by")
    yield from each(audit, found, "api_key", finding)


@rule(
    "accounts.without-owner",
    Severity.MEDIUM,
    title="Service accounts that nobody answers for",
    why="Nobody is asked when a key of such an account leaks, and nobody says when the program is gone.",
    fix='manage.py revoke_api_keys --service-account NAME --reason "Nobody answers for it"',
    references=("ASVS 13.2.1", "CWE-284"),
)
def without_owner(audit: Audit) -> Iterator[Finding]:
    def finding(account: Any) -> Finding:
        owner = account.owner
        message = "has no owner" if owner is None else f"belongs to {owner.get_username()}, who is not active"
        fix = (
            f'manage.py revoke_api_keys --service-account {word(account.name)} --reason "Nobody answers for it"'
            "  # or give it an owner in the admin"
        )
        return audit.found(account_subject(account), message, fix=fix)

    found = ServiceAccount.objects.filter(Q(owner=None) | is_active("owner", value=False), is_active("user"))
    yield from each(audit, found.select_related("owner"), "service_account", finding)


@rule(
    "accounts.with-password",
    Severity.HIGH,
    title="Service accounts with a password",
    why="A program has no password. AccessBackend refuses the log-in, but another backend before or beside it may not.",
    fix="manage.py shell -c \"from django_apiaccess.models import ServiceAccount; u = ServiceAccount.objects.get(name='NAME').user; "
    'u.set_unusable_password(); u.save()"',
    references=("ASVS 6.3.2", "CWE-1392"),
)
def with_password(audit: Audit) -> Iterator[Finding]:
    def finding(account: Any) -> Finding:
        fix = (
            'manage.py shell -c "from django_apiaccess.models import ServiceAccount; '
            f'u = ServiceAccount.objects.get(pk={account.pk}).user; u.set_unusable_password(); u.save()"'
        )
        return audit.found(account_subject(account), "can be logged in with a password", fix=fix)

    found = ServiceAccount.objects.exclude(user__password__startswith=UNUSABLE_PASSWORD_PREFIX).exclude(
        user__password=""
    )
    yield from each(audit, found, "service_account", finding)
