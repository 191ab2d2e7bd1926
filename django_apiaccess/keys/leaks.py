"""API keys that somebody found where they should not be: judged by their digest, then treated as their policy says, and told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from .. import notifications
from ..conf import access_settings
from ..core import digests, secrets
from ..core.durations import humanise
from ..core.leaks import Judged, Report
from ..events.record import changed
from ..events.tags import Action
from ..roles.generations import bump
from ..roles.models import Generation
from . import service
from .exposed import owner_of
from .leak_policy import policy_of
from .models import APIKey, APIKeySecret

TOLD: Final = {
    "revoke": "It was revoked: nothing can be done with it any more. Make a new key.",
    "retire": "It works for {length} more and then ends. Rotate the key before that, and put the new one into every program that uses it.",
    "notify": "It still works, for everybody who read it. Rotate the key now, with a grace of 0, or revoke it.",
}


def judge(texts: Sequence[str]) -> Mapping[str, Judged]:
    """What texts of the form of our keys are. One query and one MAC a text, whether there is such a key or not."""
    peppers = access_settings.PEPPERS
    ids = {text: key.id for text in texts if (key := secrets.split(text, access_settings.KEY_PREFIX)) is not None}
    rows = APIKeySecret.objects.filter(public_id__in=list(ids.values()))
    stored: dict[str, str] = dict(rows.values_list("public_id", "digest"))
    return {
        text: _judged(public_id, digests.verify(text, stored.get(public_id, nothing(peppers[0])), peppers))
        for text, public_id in ids.items()
    }


@lru_cache(maxsize=1)
def nothing(pepper: str) -> str:
    """A digest that no text has, for keys that do not exist: verifying takes as long."""
    return digests.make("", (pepper,))


def _judged(public_id: str, verdict: digests.Verdict) -> Judged:
    if verdict is digests.Verdict.WRONG:
        return Judged(False)
    if verdict is digests.Verdict.UNVERIFIABLE:
        return Judged(None)
    return Judged(True, lambda report: respond(public_id, report))


def respond(public_id: str, report: Report) -> None:
    """Do with a proven key what its policy says. Again: nothing more is done, written or told, unless the policy asks for more by now."""
    secret = APIKeySecret.objects.select_related("key").filter(public_id=public_id).first()
    if secret is None or (secret.leaked_at is not None and not _is_pending(secret)):
        return
    with transaction.atomic():
        bump(
            Generation.CREDENTIALS
        )  # first, as in every change of keys; and of two reports at once the second sees what the first did
        mine = APIKeySecret.objects.select_related("key__principal__service_account__owner").filter(pk=secret.pk)
        is_first = bool(mine.filter(leaked_at=None).update(leaked_at=timezone.now()))
        secret = mine.first()
        if secret is None:
            return
        key, policy = secret.key, policy_of(secret.key.on_leak)
        is_open = _opens(secret)
        has_acted = is_open and _act(secret, policy, report)
        if not (is_first or has_acted):
            return
        facts = {"reporter": report.reporter, "source": report.source, "url": report.url, "public_id": secret.public_id}
        facts["done"] = policy if is_open else "nothing: it had ended"
        changed(Action.CREDENTIAL_LEAKED, key, by=report.by, **{name: fact for name, fact in facts.items() if fact})
        if is_open:
            _tell(key, policy, report)


def _opens(secret: APIKeySecret) -> bool:
    ended = secret.expires_at is not None and secret.expires_at <= timezone.now()
    return secret.key.revoked_at is None and not ended


def _is_pending(secret: APIKeySecret) -> bool:
    """Whether the policy asks for something that is not done yet."""
    policy = policy_of(secret.key.on_leak)
    if not _opens(secret) or policy == "notify":
        return False
    return policy == "revoke" or secret.expires_at is None or secret.expires_at > _end()


def _act(secret: APIKeySecret, policy: str, report: Report) -> bool:
    """Whether something was done."""
    if policy == "notify":
        return False
    why = f"leaked: reported by {report.reporter}" + (f", found at {report.url}" if report.url else "")
    if policy == "revoke":
        return bool(service.revoke(APIKey.objects.filter(pk=secret.key_id), reason=why, by=report.by))
    return _retire(secret, _end(), why, report.by)


def _retire(secret: APIKeySecret, until: datetime, why: str, by: Any) -> bool:
    """Let the secret end then, and with it all keys that were issued via the key: whoever found it may have made them."""
    later = Q(expires_at=None) | Q(expires_at__gt=until)
    if not APIKeySecret.objects.filter(later, pk=secret.pk).update(expires_at=until):
        return False
    above = [secret.key_id]
    while above:
        issued = list(APIKey.objects.filter(issued_via__in=above, revoked_at=None))
        for key in issued:
            if APIKey.objects.filter(later, pk=key.pk).update(expires_at=until):
                changed(Action.KEY_CHANGED, key, by=by, reason=why[:255], after={"expires_at": until.isoformat()})
        above = [key.pk for key in issued]
    return True


def _end() -> datetime:
    return timezone.now() + access_settings.LEAKS["RETIRE_AFTER"]  # type: ignore[no-any-return]


def _tell(key: APIKey, policy: str, report: Report) -> None:
    length = humanise(access_settings.LEAKS["RETIRE_AFTER"])
    context = {
        "what": f'API key "{key.name}"',
        "happened": TOLD[policy].format(length=length),
        "reporter": report.reporter,
        "url": report.url,
    }
    notifications.notify(owner_of(key.principal), "credential_leaked", context)
