"""HTTP Basic (RFC 7617) as a credential: off unless enabled, over TLS only, never around a second factor, limited like every log-in."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from django.contrib.auth.hashers import is_password_usable
from django.utils import timezone

from ..authn.client import is_secure
from ..authn.failures import network_of
from ..authn.kinds import Client, Presented
from ..authn.responses import BASIC
from ..conf import access_settings
from ..core.access import Access, CredentialRef
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from ..mfa import policy
from .lookup import UserRow, find_user
from .memory import memory
from .service import check_password, is_djangos_password

KIND: Final = "basic"


class BasicKind:
    """User name and password with each request. The access carries all that the user holds, proven by a password alone."""

    name = KIND
    challenge = BASIC

    def recognises(self, presented: Presented) -> bool:
        return presented.scheme == "basic"

    def authenticate(self, presented: Presented, client: Client) -> Access:
        """Over plain HTTP it is refused undecoded, with or without REQUIRE_TLS: only DEBUG, for work on one's own machine, lets it pass."""
        if not (access_settings.debug or is_secure(client.request)):
            raise InvalidCredential(Reason.INSECURE_TRANSPORT, "basic credential over plain HTTP", kind=KIND)
        username, password = decode(presented.value)
        network = network_of(client.address)
        row = find_user(username)
        if row is None or not row.is_active or not memory.knows(username, network, password, row.password):
            row = self._checked(username, password, client, network)
        if row.has_second_factor:
            detail = "a password alone does not do for an account with a second factor"
            raise InvalidCredential(Reason.MFA_REQUIRED, detail, kind=KIND, principal_id=row.principal_id)
        now = timezone.now()
        credential = CredentialRef(KIND, str(row.principal_id), username)
        access = row.access(credential, granted=None, now=now, amr=("pwd",), acr="aal1", auth_time=now)
        if access_settings.MFA["REQUIRED_FOR"] and policy.must_enrol(access.principal):
            detail = "the policy wants a second factor of this account"
            raise InvalidCredential(Reason.MFA_ENROLLMENT_REQUIRED, detail, kind=KIND, principal_id=row.principal_id)
        return access

    @staticmethod
    def _checked(username: str, password: str, client: Client, network: str) -> UserRow:
        user = check_password(client.request, username, password)
        row = find_user(user.get_username())  # again: checking may have stored a newer hash
        if row is None:
            raise InvalidCredential(Reason.UNKNOWN, kind=KIND)
        if is_djangos_password(getattr(user, "backend", "")) and is_password_usable(row.password):
            memory.remember(username, network, password, row.password)
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
