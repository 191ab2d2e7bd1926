"""Logging in: where passwords, second factors and token sessions meet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.utils import timezone

from ..authn.client import where_of
from ..exceptions import MFARequired
from ..passwords.factors import has_second_factor
from ..passwords.service import check_password
from ..tokens import service as tokens


def log_in(
    request: Any,
    *,
    username: str,
    password: str,
    scopes: Iterable[str] | None = None,
    device: str = "",
    dpop_jkt: str = "",
) -> tokens.Tokens:
    """A token session for the account whose password this is, bound to the key `dpop_jkt` if one is named.

    Raises `InvalidCredential`, `TooManyFailures`, `MFARequired` (a password alone does not do for this account), `InvalidGrant`,
    `UnknownName`.
    """
    user = check_password(request, username, password)
    if has_second_factor(user):
        raise MFARequired(user)
    wanted = tokens.requested_scopes(user, scopes)
    proof = tokens.Proof(("pwd",), "aal1", timezone.now())
    begun = tokens.begin(user, proof=proof, where=where_of(request), scopes=wanted, device=device, dpop_jkt=dpop_jkt)
    user_logged_in.send_robust(sender=type(user), request=request, user=user)
    return begun
