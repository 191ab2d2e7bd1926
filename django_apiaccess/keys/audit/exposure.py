"""Keys that somebody else may have: reported as leaked, or sent in the clear, and still usable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.db.models import Max, Sum

from ...audit.finding import Finding, Severity, Subject
from ...audit.many import capped, some
from ...audit.rules import rule
from ...audit.run import Audit
from ...conf import access_settings
from ...core.reasons import Reason
from ...events.models import Event
from ..models import APIKey, APIKeySecret
from .subjects import day, key_subject, usable

LEAKED: Final = "credential.leaked"
LOOK_BACK: Final = timedelta(days=90)
CHUNK: Final = 500


@rule(
    "keys.leaked",
    Severity.CRITICAL,
    title="API keys that were reported as leaked and still work",
    why="Somebody found the text of the key in a place where it does not belong. Until it ends, whoever else found it gets in.",
    fix='manage.py revoke_api_keys KEY_ID --reason "Leaked"',
    references=("ASVS 7.4.1", "CWE-522", "CWE-798"),
)
def leaked(audit: Audit) -> Iterator[Finding]:
    reports = Event.objects.filter(action=LEAKED, target_kind="apikey").order_by()
    seen = dict(reports.values_list("target_id").annotate(Max("at")))

    def findings() -> Iterator[Finding]:
        for key in _usable(audit, seen):
            fix = f'manage.py revoke_api_keys {key.pk} --reason "Leaked"'
            yield audit.found(key_subject(key), f"was reported as leaked on {day(seen[str(key.pk)])}", fix=fix)

    yield from capped(audit, findings(), "api_key")


@rule(
    "keys.sent-in-clear",
    Severity.HIGH,
    title="API keys that came over plain HTTP",
    why="Whoever was on the way has read them. The request was refused, but the key works on.",
    fix="manage.py rotate_api_keys KEY_ID --grace 1h",
    references=("ASVS 12.2.1", "ASVS 4.1.2", "CWE-319"),
)
def sent_in_clear(audit: Audit) -> Iterator[Finding]:
    refusals = Event.objects.filter(reason=Reason.INSECURE_TRANSPORT.value, at__gte=audit.now - LOOK_BACK).order_by()
    named = refusals.filter(credential_kind="api_key").exclude(credential_id="")
    seen = dict(named.values_list("credential_id").annotate(Max("at")))

    def findings() -> Iterator[Finding]:
        for key in _usable(audit, seen):
            fix = f"manage.py rotate_api_keys {key.pk} --grace 1h"
            yield audit.found(key_subject(key), f"came over plain HTTP on {day(seen[str(key.pk)])}", fix=fix)

    yield from capped(audit, findings(), "api_key")
    yield from _unnamed(audit, refusals)


def _unnamed(audit: Audit, refusals: Any) -> Iterator[Finding]:
    """Those that were refused before anybody looked whose they are: all that is known is that they exist, and from where they came."""
    if access_settings.ON_CLEARTEXT == "revoke":
        return
    unnamed = refusals.filter(credential_id="")
    count = unnamed.aggregate(all=Sum("count"))["all"]
    if not count:
        return
    addresses = list(unnamed.exclude(address=None).values_list("address", flat=True).distinct()[:10])
    yield audit.found(
        Subject("setting", 'API_ACCESS["ON_CLEARTEXT"]'),
        f"{count} requests in {LOOK_BACK.days} days brought a credential over plain HTTP, from {some(addresses)}; whose they are is not "
        "known, and they work on",
        fix='API_ACCESS = {..., "ON_CLEARTEXT": "revoke"}',
        severity=Severity.MEDIUM,
        addresses=addresses,
    )


def _usable(audit: Audit, seen: dict[str, Any]) -> Iterator[APIKey]:
    """The usable keys among these ids, the newest first; not those whose secrets all are younger than what was seen."""
    ids = sorted((int(text) for text in seen if text.isascii() and text.isdecimal() and len(text) < 19), reverse=True)
    for start in range(0, len(ids), CHUNK):
        keys = usable(audit.now).filter(pk__in=ids[start : start + CHUNK]).order_by("-pk")
        live = APIKeySecret.objects.live(audit.now).filter(key__in=ids[start : start + CHUNK]).order_by()
        oldest: dict[int, Any] = {}
        for key_id, made in live.values_list("key_id", "created_at"):
            oldest[key_id] = min(made, oldest.get(key_id, made))
        for key in keys:
            if key.pk in oldest and oldest[key.pk] <= seen[str(key.pk)]:
                yield key
