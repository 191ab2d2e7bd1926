"""The secrets of clients: 256 bits, stored as keyed digests, replaced with an overlap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ...conf import access_settings
from ...core import digests, secrets
from ...core.reasons import Reason
from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from ...exceptions import Conflict, InvalidChange
from ...roles import delegation
from . import control
from .models import ClientSecret, OAuthClient
from .parameters import is_plain

PREFIX: Final = "cs"
MAX_LENGTH: Final = 512
RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})
METHODS: Final = frozenset({OAuthClient.AuthMethod.BASIC, OAuthClient.AuthMethod.POST})
"""Ways to authenticate that take a secret."""
RELATED: Final = "client__service_account__user"


def foreign_id(package: str, client_id: str) -> str:
    """The public id of a secret that another package made: it is found by its client, its text has no id of its own."""
    return f"{package}:{client_id}"


FOREIGN_PACKAGES: Final = ("dot",)
"""Packages whose secrets may have been taken over; their digests are verified by `core.digests.FOREIGN`."""


def add(client: OAuthClient) -> str:
    """Give the client a secret, or the next one after the present one was retired. Its text is stored nowhere."""
    made = secrets.make_key(PREFIX)
    digest = digests.make(made.text, access_settings.PEPPERS)
    ClientSecret.objects.create(client=client, public_id=made.id, digest=digest)
    return made.text


def check(
    client_id: str, text: str, before_slow: Callable[[], object] = bool
) -> tuple[OAuthClient | None, Reason | None]:
    """The client whose secret this is, with its service account, in one query; or why there is none. It may be inactive.

    `before_slow` is called before a secret that another package made is verified, which may be guessable and is dear to hash: it counts the
    try, and raises where there were too many.
    """
    if len(text) > MAX_LENGTH or len(client_id) > 100 or not is_plain(client_id + text):
        return None, Reason.MALFORMED
    key = secrets.split(text, PREFIX)
    ids = [key.id] if key is not None else [foreign_id(package, client_id) for package in FOREIGN_PACKAGES]
    found = ClientSecret.objects.usable().select_related(RELATED).filter(public_id__in=ids, client__client_id=client_id)
    secret = found.first()
    if secret is None:
        digests.verify_nothing(text, access_settings.PEPPERS)
        return None, Reason.UNKNOWN
    if not digests.is_native(secret.digest):
        before_slow()
    verdict = digests.verify(text, secret.digest, access_settings.PEPPERS)
    if verdict not in RIGHT:
        return None, Reason.WRONG_SECRET
    if verdict is digests.Verdict.MATCH_OUTDATED:
        _renew(secret, text)
    return secret.client, None


def _renew(secret: ClientSecret, text: str) -> None:
    """Digest it under the newest pepper, and in our format. Of two requests at once one does."""
    new = digests.make(text, access_settings.PEPPERS)
    with transaction.atomic():
        same = ClientSecret.objects.filter(pk=secret.pk, digest=secret.digest)
        if same.update(digest=new) and not digests.is_native(secret.digest):
            changed(Action.OAUTH_SECRET_UPGRADED, secret.client, by=Actor.system())


def rotate(client: OAuthClient, *, by: Actor, grace: timedelta | None = None, reason: str = "") -> tuple[str, datetime]:
    """A new secret; the old ones open for `grace` more (None: `KEY_ROTATION_GRACE`; 0: they end now). The text, and until when.

    Of two rotations at once one succeeds, the other raises `Conflict` and changes nothing. Raises `NotHeld` where the client may do more
    than who would learn its secret. Where a lesser administrator learns it, people are asked again for what they had allowed the client.
    """
    if client.auth_method not in METHODS:
        raise InvalidChange(f"{client.name} has no secret: it authenticates by {client.auth_method}.")
    control.check_taking(client, by)
    now = timezone.now()
    until = now + (access_settings.KEY_ROTATION_GRACE if grace is None else grace)
    secrets_of = ClientSecret.objects.filter(client=client)
    current = secrets_of.filter(retired_at=None).values_list("pk", flat=True).first()
    with transaction.atomic():
        if current is not None and not secrets_of.filter(pk=current, retired_at=None).update(retired_at=now):
            raise Conflict(
                "Somebody else rotated this secret at the same moment. Nothing was done; use theirs or rotate again."
            )
        olds = secrets_of.filter(retired_at__isnull=False)
        olds.filter(Q(expires_at=None) | Q(expires_at__gt=until)).update(expires_at=until)
        text = add(client)
        if (
            delegation.access_of(by) is not None
        ):  # not an operator's, or a superuser's, who could do anything in any case
            OAuthClient.objects.filter(pk=client.pk).update(controlled_at=now)
        changed(Action.OAUTH_SECRET_ROTATED, client, by=by, reason=reason, old_secret_valid_until=until.isoformat())
    return text, until


def retire(secret: ClientSecret, *, by: Actor, reason: str = "") -> None:
    """End a replaced secret before its grace is over. Raises `InvalidChange` for the current one, and for one that has ended."""
    client, now = secret.client, timezone.now()
    with transaction.atomic():
        waiting = ClientSecret.objects.usable(now).filter(pk=secret.pk, retired_at__isnull=False)
        if not waiting.update(expires_at=now):
            raise InvalidChange(
                "Only a secret that was replaced and still works can be retired. To end the current one, rotate without a grace."
            )
        changed(Action.OAUTH_SECRET_RETIRED, client, by=by, reason=reason, secret=secret.public_id)


def end_all(client: OAuthClient) -> None:
    """End every secret of a client that proves itself in another way from now on: going back must not revive them."""
    now = timezone.now()
    secrets_of = ClientSecret.objects.usable(now).filter(client=client)
    secrets_of.filter(retired_at=None).update(retired_at=now)
    secrets_of.update(expires_at=now)
