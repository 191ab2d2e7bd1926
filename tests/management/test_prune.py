"""prune_access as a command; what it deletes is in tests/access/test_prune.py."""

from __future__ import annotations


def test_counts_as_json_and_as_a_table(run, make_user, make_key):
    make_key(make_user("ann", "docs:read"), "docs:read")
    assert run("prune_access", "--format", "json").json == {
        "dry_run": False,
        "deleted": {
            "authorization_codes": 0,
            "device_codes": 0,
            "pushed_requests": 0,
            "client_assertions": 0,
            "client_secrets": 0,
            "consents": 0,
            "secrets": 0,
            "keys": 0,
            "key_requests": 0,
            "grants": 0,
            "grants_on_missing_objects": 0,
            "rate_counters": 0,
            "failure_counters": 0,
            "used_proofs": 0,
            "sessions": 0,
            "refresh_tokens": 0,
            "mfa_challenges": 0,
            "trusted_devices": 0,
            "unconfirmed_apps": 0,
            "unconfirmed_phones": 0,
            "private_keys": 0,
            "reminders": 0,
        },
    }
    ran = run("prune_access", "--dry-run")
    assert "grants on missing objects  0" in ran.out
    assert "RETENTION" in ran.err
    assert "Nothing was changed" in ran.err


def test_a_bad_duration_is_told(refused):
    assert "Did you mean '90d'?" in refused("prune_access", "--keep", "90 days")
