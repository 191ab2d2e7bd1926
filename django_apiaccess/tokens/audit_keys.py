"""The audit's rules about the keys that sign access tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from ..audit.finding import Finding, Severity, Subject
from ..audit.many import page_of
from ..audit.rules import rule
from ..audit.run import Audit
from .models import SigningKey

OLD: Final = timedelta(days=365)
SHORT_RSA: Final = 2048
GOOD_RSA: Final = 3072


def signing_key(key: SigningKey) -> Subject:
    """A signing key, by its `kid`."""
    return Subject("signing_key", key.kid, str(key), page_of(SigningKey, key.pk))


def verifying(at: datetime) -> Any:
    """Keys whose tokens are accepted, or will be."""
    return SigningKey.objects.filter(Q(verifies_until=None) | Q(verifies_until__gt=at)).order_by("-number")


def rsa_bits(jwk: dict[str, Any]) -> int:
    """The length of an RSA key's modulus; 0 for what is no RSA key."""
    text = str(jwk.get("n") or "")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return 0
    return int.from_bytes(raw, "big").bit_length()


@rule(
    "tokens.weak-signing-key",
    Severity.MEDIUM,
    title="Signing keys that are too short, or no key pairs",
    why="Whoever factors the public key signs tokens for everybody. Below 2048 bits that is done; 3072 are asked for beyond 2030.",
    fix="manage.py rotate_signing_keys --now",
    references=("ASVS 11.6.1", "NIST SP 800-57 part 1 table 2", "CWE-326"),
)
def weak_signing_key(audit: Audit) -> Iterator[Finding]:
    for key in verifying(audit.now):
        jwk = key.public_jwk if isinstance(key.public_jwk, dict) else {}
        fix = 'API_ACCESS = {..., "SIGNING_ALGORITHM": "EdDSA"}  # then: manage.py rotate_signing_keys --now'
        if jwk.get("kty") == "oct" or str(key.algorithm).upper().startswith("HS"):
            yield audit.found(signing_key(key), "is a shared secret", severity=Severity.CRITICAL, fix=fix)
        elif jwk.get("kty") == "RSA" and 0 < (bits := rsa_bits(jwk)) < GOOD_RSA:
            severity = Severity.CRITICAL if bits < SHORT_RSA else Severity.LOW
            yield audit.found(signing_key(key), f"is an RSA key of {bits} bits", severity=severity, fix=fix, bits=bits)


@rule(
    "tokens.old-signing-key",
    Severity.MEDIUM,
    title="A signing key that signs for more than a year",
    why="Every backup of that time holds it. A rotation that nobody practised fails on the day when it is needed.",
    fix="manage.py rotate_signing_keys",
    references=("ASVS 11.1.1", "NIST SP 800-57 part 1 section 5.3.6", "CWE-324"),
)
def old_signing_key(audit: Audit) -> Iterator[Finding]:
    for key in verifying(audit.now).filter(signs_from__lt=audit.now - OLD):
        succeeded = SigningKey.objects.filter(number__gt=key.number, signs_from__lte=audit.now).exists()
        if not succeeded:
            yield audit.found(signing_key(key), f"signs since {key.signs_from:%Y-%m-%d}")


@rule(
    "tokens.retired-key-kept",
    Severity.LOW,
    title="Private halves of signing keys that are retired",
    why="They sign nothing any more, and are worth stealing for as long as somebody trusts an old key set.",
    fix="manage.py prune_access",
    references=("ASVS 11.1.1", "NIST SP 800-57 part 1 section 8.3.4"),
)
def retired_key_kept(audit: Audit) -> Iterator[Finding]:
    for key in SigningKey.objects.filter(verifies_until__lte=audit.now - timedelta(days=30)).exclude(sealed_private=""):
        message = f"is retired since {key.verifies_until:%Y-%m-%d}, and its private half is still stored"
        yield audit.found(signing_key(key), message)


@rule(
    "tokens.compromised-key",
    Severity.CRITICAL,
    title="Compromised signing keys that are still trusted",
    why="Whoever has the key signs tokens for everybody until it is out of the key set.",
    fix="manage.py rotate_signing_keys --compromised KID",
    references=("ASVS 11.1.1", "CWE-324"),
)
def compromised_key(audit: Audit) -> Iterator[Finding]:
    for key in verifying(audit.now).filter(compromised=True):
        fix = f"manage.py rotate_signing_keys --compromised {key.kid}"
        yield audit.found(signing_key(key), "is marked as compromised, and its tokens are accepted", fix=fix)
