"""narrow_api_keys and change_api_keys: what the audit's fixes say can be pasted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.keys import narrowing
from django_apiaccess.models import APIKey, Event
from tests.planting import aged, audited, changed, clean_world, key_of, used

ALL = ("docs:read", "docs:write", "reports:read")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(narrowing, "settle", lambda: None)


@pytest.fixture
def key(make_user):
    key = aged(key_of(make_user("ann", *ALL), *ALL), 100)
    used(key, "docs:read")
    return key


def has(key):
    return set(APIKey.objects.get(pk=key.pk).scopes)


class TestNarrowing:
    def test_one_key(self, run, key):
        ran = run("narrow_api_keys", key.pk, "--format", "json")
        assert ran.json[0]["goes"] == ["docs:write", "reports:read"]
        assert (ran.json[0]["stays"], ran.json[0]["result"]) == (["docs:read"], "narrowed")
        assert has(key) == {"docs:read"}
        assert Event.objects.get(action="key.changed").actor_label == "narrow_api_keys"

    def test_a_dry_run_shows_it_and_changes_nothing(self, run, key):
        ran = run("narrow_api_keys", key.pk, "--dry-run", "--format", "json")
        assert ran.json[0]["result"] == "would be narrowed"
        assert has(key) == set(ALL)
        assert not Event.objects.filter(action="key.changed").exists()

    def test_all_of_a_person_and_all_there_are(self, run, key, make_user):
        other = aged(key_of(make_user("bob", *ALL), *ALL), 100)
        used(other, "reports:read")
        run("narrow_api_keys", "--user", "bob")
        assert (has(key), has(other)) == (set(ALL), {"reports:read"})
        run("narrow_api_keys", "--all")
        assert has(key) == {"docs:read"}

    def test_a_key_that_cannot_be_judged_says_why_and_stays(self, run, key, make_user):
        young = aged(key_of(make_user("bob", *ALL), *ALL), 5)
        ran = run("narrow_api_keys", young.pk, "--format", "json")
        assert "too short to judge" in ran.json[0]["result"]
        assert has(young) == set(ALL)

    def test_a_shorter_window_asks_for_less(self, run, make_user):
        young = aged(key_of(make_user("bob", *ALL), *ALL), 40)
        used(young, "docs:read", days=35)
        used(young, "reports:read")
        run("narrow_api_keys", young.pk, "--window", "30d")
        assert has(young) == {"reports:read"}

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "Say which keys"),
            (("--all", "--window", "0"), "by the day"),
            (("--all", "--window", "soon"), "--window"),
            ((99,), "Unknown key"),
            (("--user", "nobody"), "nobody"),
        ],
    )
    def test_what_it_does_not_take(self, refused, db, arguments, said):
        assert said in refused("narrow_api_keys", *arguments)

    def test_ids_and_a_filter_at_once(self, refused, key):
        assert "one of these ways" in refused("narrow_api_keys", key.pk, "--user", "ann")

    def test_the_line_of_the_audit_ends_the_finding(self, run, db):
        world = clean_world()
        used(aged(world.young, 100), "docs:read")
        [finding] = audited("keys.over-privileged")
        run(*finding.fix.split()[1:])
        assert audited("keys.over-privileged") == []


class TestChanging:
    def test_an_end(self, run, key):
        changed(key, expires_at=None)
        run("change_api_keys", key.pk, "--expires", "90d")
        key.refresh_from_db()
        assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)

    def test_networks_scopes_and_a_rate(self, run, key):
        run(
            "change_api_keys", key.pk, "--network", "10.0.0.0/8", "--network", "2001:db8::/32", "--rate", "5/min",
            "--scope", "docs:read",
        )  # fmt: skip
        key.refresh_from_db()
        assert (key.networks, key.rate, set(key.scopes)) == ("10.0.0.0/8 2001:db8::/32", "5/min", {"docs:read"})
        assert Event.objects.get(action="key.changed").actor_label == "change_api_keys"

    def test_all_of_the_keys_or_none(self, refused, key, make_user):
        other = key_of(make_user("bob", "reports:read"), "reports:read")
        assert "does not hold" in refused("change_api_keys", key.pk, other.pk, "--scope", "docs:read")
        assert has(key) == set(ALL)
        assert not Event.objects.filter(action="key.changed").exists()

    @pytest.mark.parametrize("wrong", [(), ("--expires", "90d"), (1,)])
    def test_it_needs_keys_and_a_change(self, refused, db, wrong):
        assert "Say which keys and what to change" in refused("change_api_keys", *wrong)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--expires", "never"),
            ("--expires", "2020-01-01"),
            ("--network", "10.0.0.0/99"),
            ("--rate", "often"),
            ("--scope", "docs:rea"),
        ],
    )
    def test_bad_values_change_nothing(self, refused, key, option, value):
        before = APIKey.objects.values().get(pk=key.pk)
        assert refused("change_api_keys", key.pk, option, value)
        assert APIKey.objects.values().get(pk=key.pk) == before

    def test_a_revoked_key_is_not_changed(self, refused, key):
        changed(key, revoked_at=timezone.now())
        assert "revoked" in refused("change_api_keys", key.pk, "--rate", "5/min")

    def test_what_the_principal_does_not_hold_goes_by_the_line_of_the_audit(self, run, db):
        world = clean_world()
        changed(world.young, scopes=["docs:write", "reports:read"])
        [finding] = audited("keys.beyond-principal")
        run(*finding.fix.split()[1:])
        assert audited("keys.beyond-principal") == []
        assert has(world.young) == {"docs:write"}

    @pytest.mark.parametrize("rule", ["keys.never-expires", "keys.wide-anywhere"])
    def test_the_line_of_the_audit_ends_the_finding(self, run, db, rule):
        world = clean_world()
        changed(world.young, expires_at=None, scopes=["docs:*"])
        [finding] = audited(rule)
        run(*finding.fix.partition("  #")[0].split()[1:])
        assert audited(rule) == []
