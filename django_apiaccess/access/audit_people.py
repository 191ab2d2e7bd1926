"""The audit's rule about accounts that are not used any more, by whatever they could be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q

from ..audit.finding import Finding, Severity, Subject
from ..audit.many import each, has_field, page_of, shell
from ..audit.rules import rule
from ..audit.run import Audit
from ..keys.models import APIKey
from ..mfa import overview
from ..roles.models import Grant
from ..tokens.models import TokenSession

STALE: Final = timedelta(days=180)


@rule(
    "people.stale",
    Severity.MEDIUM,
    title="Accounts with rights that nobody used for half a year",
    why="Nobody notices when somebody else begins to use such an account. Log-ins, tokens and API keys all count as use.",
    fix="Make the account inactive: its keys, tokens and sessions end with it.",
    references=("ASVS 7.4.2", "NIST SP 800-53 AC-2(3)", "CWE-1390"),
)
def stale(audit: Audit) -> Iterator[Finding]:
    model: Any = get_user_model()
    if not has_field("last_login") or not has_field("is_active"):
        return
    before = audit.now - STALE
    unseen = Q(last_login__lt=before)
    if has_field("date_joined"):
        unseen |= Q(last_login=None, date_joined__lt=before)
    grants = Grant.objects.active(audit.now).filter(user=OuterRef("pk"))
    tokens = TokenSession.objects.filter(user=OuterRef("pk")).filter(
        Q(last_used_at__gte=before) | Q(created_at__gte=before)
    )
    keys = APIKey.objects.filter(principal=OuterRef("pk"), last_used_at__gte=before)
    found = (
        overview.people()
        .filter(overview.staff() | Q(Exists(grants)), unseen)
        .exclude(Q(Exists(tokens)) | Q(Exists(keys)))
    )

    def finding(user: Any) -> Finding:
        last = f"was seen last on {user.last_login:%Y-%m-%d}" if user.last_login else "never logged in"
        code = (
            "from django.contrib.auth import get_user_model; u = get_user_model().objects.get("
            f"pk={user.pk!r}); u.is_active = False; u.save()"
        )
        subject = Subject("user", str(user.pk), str(user.get_username()), page_of(model, user.pk))
        kind = (
            "superuser" if getattr(user, "is_superuser", False) else "staff" if getattr(user, "is_staff", False) else ""
        )
        message = f"{last}, and {'is ' + kind if kind else 'holds grants'}"
        return audit.found(subject, message, fix=shell(code))

    yield from each(audit, found, "user", finding)
