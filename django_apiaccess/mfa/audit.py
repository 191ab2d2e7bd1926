"""The audit's rules about second factors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from ..audit.finding import Finding, Severity, Subject
from ..audit.many import MOST, each, page_of
from ..audit.rules import rule
from ..audit.run import Audit
from ..conf import access_settings
from . import overview
from .models import RecoveryCode


def person(user: Any) -> Subject:
    """A user, by primary key."""
    return Subject("user", str(user.pk), str(user.get_username()), page_of(get_user_model(), user.pk))


@rule(
    "people.staff-without-mfa",
    Severity.HIGH,
    title="Staff and superusers without a second factor",
    why="A password is all that stands before the admin, and passwords are phished, guessed and reused.",
    fix='API_ACCESS = {..., "MFA": {"REQUIRED_FOR": ["staff"], "GRACE": "0s"}}',
    references=("ASVS 6.3.4", "NIST SP 800-53 IA-2(1)", "CWE-308"),
)
def staff_without_mfa(audit: Audit) -> Iterator[Finding]:
    required = access_settings.MFA["REQUIRED_FOR"]
    demanded = not callable(required) and bool({"staff", "everyone"} & set(required))
    fix = "manage.py list_mfa --without --staff  # and ask them to add one on their security page" if demanded else ""

    def finding(user: Any) -> Finding:
        kind = "a superuser" if getattr(user, "is_superuser", False) else "staff"
        severity = Severity.HIGH if user.has_usable_password() else Severity.LOW
        return audit.found(person(user), f"is {kind} and has no second factor", severity=severity, fix=fix)

    without = overview.people().filter(overview.staff()).exclude(overview.with_factor())
    yield from each(audit, without, "user", finding)


@rule(
    "people.sms-only",
    Severity.MEDIUM,
    title="Staff and superusers whose only second factor is SMS",
    why="Whoever talks a phone company into a new SIM card has it.",
    fix="manage.py list_mfa --staff  # and ask them for an app or a passkey",
    references=("ASVS 6.6.1", "NIST SP 800-63B-4 section 3.1.3.3", "CWE-308"),
)
def sms_only(audit: Audit) -> Iterator[Finding]:
    others = [overview.with_type(kind) for kind in overview.TYPES if kind != "sms"]
    found = overview.people().filter(overview.staff()).filter(overview.with_type("sms"))
    for other in others:
        found = found.exclude(other)

    def finding(user: Any) -> Finding:
        return audit.found(person(user), "has SMS and no other second factor")

    yield from each(audit, found, "user", finding)


@rule(
    "people.no-recovery-codes",
    Severity.LOW,
    title="Staff and superusers with a second factor and no recovery code",
    why="On the day when the phone is lost somebody has to reset the factor on a phone call, which is how accounts are stolen.",
    fix="Ask them to make recovery codes on their security page.",
    references=("ASVS 6.1.4", "ASVS 6.5.6"),
)
def no_recovery_codes(audit: Audit) -> Iterator[Finding]:
    codes = RecoveryCode.objects.filter(user=OuterRef("pk"), used_at=None)
    found = overview.people().filter(overview.staff()).filter(overview.with_factor()).exclude(Exists(codes))
    users = list(found.order_by("-pk")[:MOST])
    owners = overview.owners([user.pk for user in users])
    for user in users:
        if sum(factor.confirmed for factor in owners[user.pk].factors) == 1:
            yield audit.found(person(user), "has one second factor and no recovery code")
