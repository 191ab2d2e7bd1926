"""How the facts of a key are shown."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..adminkit.base import Panel
from ..adminkit.html import NOTHING, badge, codes, exact, table
from ..roles.admin_rights import Rights, key_rights_table
from .admin_filters import SOON
from .models import APIKey


def status_badge(key: APIKey) -> SafeString:
    """What became of the key, in one word or two."""
    if key.status == APIKey.Status.REVOKED:
        return badge(_("revoked"), "bad")
    if key.status == APIKey.Status.EXPIRED:
        return badge(_("expired"), "bad")
    if getattr(key, "is_leaked", False):
        return badge(_("leaked"), "bad")
    if not key.principal.is_active:
        return badge(_("principal inactive"), "bad")
    if key.expires_at is not None and key.expires_at <= timezone.now() + SOON:
        return badge(_("expires soon"), "warn")
    return badge(_("active"), "good")


def rights_panel(key: APIKey) -> Panel:
    """What the key opens now, and why."""
    note = _("What the key has and its principal holds at this moment: only that is effective.")
    if not key.principal.is_active:
        note = _("The principal is not active: the key opens nothing.")
    elif key.status != APIKey.Status.ACTIVE:
        note = _("This key is %s: it opens nothing. The table shows what it would open.") % key.status.label
    return Panel(_("Effective rights"), key_rights_table(Rights(key.principal), frozenset(key.scopes)), note)


def secrets_panel(key: APIKey) -> Panel:
    """The key's secrets by their public ids."""
    columns = [_("Public id"), _("State"), _("Made"), _("Replaced"), _("Valid until"), _("Last used"), _("Leaked")]
    secrets = key.secrets.all()[:50]
    rows = [
        [codes([secret.public_id]), secret_state(key, secret), exact(secret.created_at), exact(secret.retired_at),
         exact(secret.expires_at, _("as the key")), exact(secret.last_used_at, _("never")),
         exact(secret.leaked_at, _("no"))]
        for secret in secrets
    ]  # fmt: skip
    note = _("The public id is the middle part of the key's text. The secret part is stored nowhere.")
    return Panel(_("Secrets"), table(columns, rows, empty=_("It has no secret."), caption=_("Secrets")), note)


def secret_state(key: APIKey, secret: Any) -> SafeString:
    """Whether this secret still opens something."""
    if secret.expires_at is not None and secret.expires_at <= timezone.now():
        return badge(_("ended"))
    if key.status != APIKey.Status.ACTIVE:
        return badge(key.status.label, "bad")
    if secret.retired_at is not None:
        return badge(_("in its grace"), "warn")
    return badge(_("imported"), "warn") if secret.is_legacy else badge(_("current"), "good")


def old_secret_use(key: APIKey) -> str:
    """A sentence on what still uses secrets that a rotation replaced."""
    waiting = key.secrets.live().filter(retired_at__isnull=False)
    used = [secret for secret in waiting if secret.last_used_at is not None and secret.last_used_at > secret.retired_at]
    if used:
        return _(
            "Somebody still uses a secret that was replaced before. Find that program first, or it stops when the grace ends."
        )
    if waiting:
        return _("The secret that was replaced before has not been used since.")
    return ""


def limits(key: APIKey) -> list[tuple[str, Any]]:
    """The facts that somebody about to rotate or revoke wants to see."""
    return [
        (_("Principal"), key.principal),
        (_("Scopes"), codes(key.scopes)),
        (_("Status"), status_badge(key)),
        (_("Last used"), exact(key.last_used_at, _("never"))),
        (_("From"), key.last_used_from or NOTHING),
        (_("Uses"), key.use_count),
        (_("Expires"), exact(key.expires_at, _("never"))),
    ]
