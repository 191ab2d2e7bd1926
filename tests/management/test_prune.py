"""prune_access as a command; what it deletes is in tests/access/test_prune.py."""

from __future__ import annotations

from tests.access.test_prune import NOTHING


def test_counts_as_json_and_as_a_table(run, make_user, make_key):
    make_key(make_user("ann", "docs:read"), "docs:read")
    assert run("prune_access", "--format", "json").json == {
        "dry_run": False,
        "deleted": {name.replace(" ", "_"): 0 for name in NOTHING},
    }
    ran = run("prune_access", "--dry-run")
    assert "grants on missing objects  0" in ran.out
    assert "RETENTION" in ran.err
    assert "Nothing was changed" in ran.err


def test_a_bad_duration_is_told(refused):
    assert "Did you mean '90d'?" in refused("prune_access", "--keep", "90 days")
