"""Who a subject of a trusted issuer is here: the links, which only an administrator makes."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from ..conf import access_settings
from ..core.claims import PRINTABLE
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, NotHeld, UnknownName
from ..roles import names
from ..roles.delegation import access_of, check_permissions
from ..roles.rights import access_of_user
from .models import LinkedIdentity


def link(*, user: Any, issuer: str, subject: str, by: Actor) -> LinkedIdentity:
    """Let tokens of `subject` at `issuer` speak for `user`. Whoever links could be that subject: so nobody links to more than they hold.

    Raises `NotHeld`, `UnknownName` (an issuer that is not trusted) and `InvalidChange`.
    """
    known = [str(entry.get("issuer")) for entry in access_settings.TRUSTED_ISSUERS]
    if issuer not in known:
        raise UnknownName(
            f"{issuer!r} is not an issuer of TRUSTED_ISSUERS.{names.nearest(issuer, known)}", field="issuer"
        )
    if not PRINTABLE.fullmatch(subject):
        raise InvalidChange(
            "The subject is the token's sub: 1 to 255 printable characters, without spaces.", field="subject"
        )
    check_may_stand_for(user, by=by)
    try:
        with transaction.atomic():
            made: LinkedIdentity = LinkedIdentity.objects.create(user=user, issuer=issuer, subject=subject)
            changed(Action.IDENTITY_LINKED, made, by=by, user=str(user.pk))
    except IntegrityError:
        raise InvalidChange("This subject is linked already: take that link away first.", field="subject") from None
    return made


@transaction.atomic
def unlink(identity: LinkedIdentity, *, by: Actor) -> None:
    """Take a link away: the subject's tokens are refused from the next request on."""
    changed(Action.IDENTITY_UNLINKED, identity, by=by, user=str(identity.user_id))
    identity.delete()


def check_may_stand_for(user: Any, *, by: Actor) -> None:
    """Raise `NotHeld` when `user` holds more than the actor may give."""
    access = access_of(by)
    if access is None:
        return
    if getattr(user, "is_superuser", False):
        raise NotHeld(f"{by.label} is no superuser and so cannot link to one.", field="user")
    held = access_of_user(user)
    missing = (held.scopes - access.scopes) | (held.roles - access.roles)
    if missing:
        raise NotHeld(
            f"{by.label} does not hold {', '.join(sorted(missing))}, which {user} does, and so cannot link to them.",
            missing,
            field="user",
        )
    check_permissions(by, user.get_all_permissions(), field="user")
