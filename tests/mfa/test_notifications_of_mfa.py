"""What people are told of changes to their second factors: a subject, an order of what to do, and nothing secret."""

from __future__ import annotations

import pytest
from django.core import mail

from django_apiaccess.notifications import send_email

pytestmark = pytest.mark.django_db
CONTEXTS = {
    "factor_added": {"type": "totp", "name": "Pixel", "address": "203.0.113.5"},
    "factor_removed": {"type": "recovery", "name": "Recovery codes", "address": None},
    "recovery_code_used": {"left": 1, "address": "203.0.113.5"},
    "recovery_codes_made": {"address": "203.0.113.5"},
    "passkey_suspended": {"name": "Key <ring> & more"},
    "mfa_reset": {"reason": "never shown", "address": None},
}


@pytest.mark.parametrize("kind", CONTEXTS)
def test_the_first_line_is_the_subject_and_the_rest_has_no_gap_for_what_is_missing(make_user, kind):
    ann = make_user("ann", email="ann@example.com")
    send_email(ann, kind, CONTEXTS[kind])
    [message] = mail.outbox
    assert "account" in message.subject
    assert "\n" not in message.subject
    body = message.body
    assert body.startswith("Hello ann,\n\n")
    assert not [odd for odd in ("{", "}", "  ", " ,", " .", "&lt;", "&amp;", "None,", "never shown") if odd in body], (
        body
    )


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("factor_added", {"type": "sms"}, 'a phone, "Pixel", was added to your account, from 203.0.113.5.'),
        ("factor_added", {"type": "webauthn", "name": ""}, "a passkey was added"),
        ("factor_removed", {}, "your recovery codes were removed from your account."),
        ("recovery_code_used", {"left": 0}, "None is left."),
        ("recovery_code_used", {"left": 3}, "make new codes while you can still log in"),
        ("recovery_code_used", {"left": 7}, "7 are left"),
        ("passkey_suspended", {}, 'the passkey "Key <ring> & more" answered'),
    ],
)
def test_it_says_what_happened(make_user, kind, changes, said):
    send_email(make_user("ann", email="ann@example.com"), kind, {**CONTEXTS[kind], **changes})
    assert said in " ".join(mail.outbox[0].body.split())
