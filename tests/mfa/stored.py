"""A passkey as a row, for what never asks it to sign."""

from __future__ import annotations

from typing import Any

from django_otp_webauthn.models import WebAuthnCredential


def passkey_of(user: Any, *, confirmed: bool = True, number: int = 1) -> Any:
    """One that is not `confirmed` is suspended."""
    return WebAuthnCredential.objects.create(
        user=user,
        name="Key ring",
        confirmed=confirmed,
        credential_id=bytes([number]) * 32,
        public_key=b"public-key-bytes",
        sign_count=0,
        transports=[],
        discoverable=True,
        backup_eligible=True,
        backup_state=True,
    )
