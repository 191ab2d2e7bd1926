"""HTTP Basic (RFC 7617) as a credential: off unless enabled, never around a second factor, limited like every other log-in."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from django.utils import timezone

from ..authn.kinds import Client, Presented
from ..core.access import Access, CredentialRef
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from .lookup import UserRow, find_user
from .memory import memory
from .service import check_password

KIND: Final = "basic"


class BasicKind:
    """User name and password with each request. The access carries all that the user holds, proven by a password alone."""

    name = KIND
    challenge = "Basic"

    def recognises(self, presented: Presented) -> bool:
        return presented.scheme == "basic"

    def authenticate(self, presented: Presented, client: Client) -> Access:
        username, password = decode(presented.value)
        row = find_user(username)
        if row is None or not row.is_active or not memory.knows(memory.mac(username, password, row.password)):
            row = self._checked(username, password, client)
        now = timezone.now()
        credential = CredentialRef(KIND, str(row.principal_id), username)
        return row.access(credential, granted=None, now=now, amr=("pwd",), acr="aal1", auth_time=now)

    @staticmethod
    def _checked(username: str, password: str, client: Client) -> UserRow:
        user = check_password(client.request, username, password)
        if has_second_factor(user):
            detail = "a password alone does not do for an account with a second factor"
            raise InvalidCredential(Reason.MFA_REQUIRED, detail, kind=KIND, principal_id=user.pk)
        row = find_user(user.get_username())  # again: checking may have stored a newer hash
        if row is None:
            raise InvalidCredential(Reason.UNKNOWN, kind=KIND)
        memory.remember(memory.mac(username, password, row.password))
        return row


def decode(value: str) -> tuple[str, str]:
    """User name and password from the base64 text. Raises `InvalidCredential` before any hash."""
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidCredential(Reason.MALFORMED, "not base64 of UTF-8", kind=KIND) from None
    username, colon, password = text.partition(":")
    if not colon or not username or "\0" in text:
        raise InvalidCredential(Reason.MALFORMED, "not user name, colon, password", kind=KIND)
    return username, password


def has_second_factor(user: Any) -> bool:
    """Whether the user has confirmed any device of django-otp."""
    from django.apps import apps

    if not apps.is_installed("django_otp"):
        return False
    from django_otp import user_has_device

    return bool(user_has_device(user, confirmed=True))
