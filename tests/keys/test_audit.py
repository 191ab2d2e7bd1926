"""The audit's rules about keys and service accounts: each finds its planted weakness, and that alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.audit import many
from django_apiaccess.audit.finding import Severity
from django_apiaccess.core import digests
from django_apiaccess.core.access import CredentialRef
from django_apiaccess.core.reasons import Reason
from django_apiaccess.events.record import refused
from django_apiaccess.events.source import Actor
from django_apiaccess.events.tags import Action
from django_apiaccess.keys import service
from django_apiaccess.keys.models import APIKey, ServiceAccount
from django_apiaccess.models import Event
from tests.planting import (
    BY,
    DAY,
    Plant,
    aged,
    ago,
    audited,
    changed,
    clean_world,
    cost,
    key_of,
    many_scopes,
    person,
    subjects,
    used,
)

pytestmark = pytest.mark.django_db
ALL = ("docs:read", "docs:write", "docs:delete", "reports:read")


@pytest.fixture
def world(db):
    return clean_world()


def api(settings, **entries):
    settings.API_ACCESS = {**settings.API_ACCESS, **entries}


def never_expires(world, settings):
    return str(changed(world.young, expires_at=None).pk)


def beyond_maximum(world, settings):
    changed(world.job, expires_at=timezone.now() + 5 * DAY)
    api(settings, KEY_MAX_LIFETIME="30d")
    return str(world.young.pk)


def unused(world, settings):
    return str(aged(world.young, 200, seen=91).pk)


def old_secret(world, settings):
    world.young.secrets.update(created_at=ago(366))
    return str(world.young.pk)


def two_live_secrets(world, settings):
    service.rotate(world.young, by=BY, grace=60 * DAY)
    world.young.secrets.filter(retired_at__isnull=False).update(retired_at=ago(8))
    return str(world.young.pk)


def old_pepper(world, settings):
    before = settings.API_ACCESS["PEPPERS"][0]
    api(settings, PEPPERS=["a-new-pepper-of-the-suite-9876543210fedcba", before])
    world.job.secrets.update(digest=digests.make("any", ["a-new-pepper-of-the-suite-9876543210fedcba"]))
    return str(world.young.pk)


def lost_pepper(world, settings):
    world.young.secrets.update(digest=digests.make("any", ["a-pepper-that-is-gone-0123456789abcdef"]))
    return str(world.young.pk)


def foreign_digest(world, settings):
    world.young.secrets.update(public_id="knox:abc", digest="sha512$$" + "0" * 128)
    return str(world.young.pk)


def wide_anywhere(world, settings):
    return str(changed(world.young, scopes=["docs:*"]).pk)


def of_superuser(world, settings):
    return str(key_of(world.boss, "docs:read").pk)


def wider_than_issuer(world, settings):
    return str(changed(world.young, issued_via=world.job).pk)


def beyond_principal(world, settings):
    return str(changed(world.young, scopes=["docs:read", "reports:read"]).pk)


def over_privileged(world, settings):
    key = aged(world.young, 100)
    used(key, "docs:read")
    return str(key.pk)


def owner_inactive(world, settings):
    changed(world.ann, is_active=False)
    changed(world.account, owner=world.bob)
    return str(world.young.pk)


def maker_inactive(world, settings):
    left = person("left", is_active=False)
    return str(changed(world.young, created_by=left).pk)


def leaked(world, settings):
    Event.objects.create(
        action="credential.leaked", outcome="success", target_kind="apikey", target_id=str(world.young.pk)
    )
    return str(world.young.pk)


def sent_in_clear(world, settings):
    refused(
        Action.CREDENTIAL_REFUSED,
        Reason.INSECURE_TRANSPORT,
        by=Actor("unknown", "somebody"),
        credential=CredentialRef("api_key", str(world.young.pk), "laptop"),
    )
    return str(world.young.pk)


def without_owner(world, settings):
    return changed(world.account, owner=None).name


def with_password(world, settings):
    changed(world.account.user, password="pbkdf2_sha256$1000000$salt$x")
    return world.account.name


PLANTED: dict[str, Plant] = {
    "keys.never-expires": never_expires,
    "keys.beyond-maximum": beyond_maximum,
    "keys.unused": unused,
    "keys.old-secret": old_secret,
    "keys.two-live-secrets": two_live_secrets,
    "keys.old-pepper": old_pepper,
    "keys.lost-pepper": lost_pepper,
    "keys.foreign-digest": foreign_digest,
    "keys.wide-anywhere": wide_anywhere,
    "keys.superuser": of_superuser,
    "keys.wider-than-issuer": wider_than_issuer,
    "keys.beyond-principal": beyond_principal,
    "keys.over-privileged": over_privileged,
    "keys.owner-inactive": owner_inactive,
    "keys.maker-inactive": maker_inactive,
    "keys.leaked": leaked,
    "keys.sent-in-clear": sent_in_clear,
    "accounts.without-owner": without_owner,
    "accounts.with-password": with_password,
}


def test_nothing_is_found_where_all_is_in_order(world):
    assert audited() == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    assert subjects(rule) == set()
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)


@pytest.mark.parametrize(
    "rule",
    [
        rule
        for rule in PLANTED
        if rule not in {"keys.owner-inactive", "accounts.with-password", "accounts.without-owner"}
    ],
)
def test_a_revoked_key_is_nobodys_concern(rule, world, settings):
    expected = PLANTED[rule](world, settings)
    APIKey.objects.filter(pk=expected).update(revoked_at=timezone.now())
    assert expected not in subjects(rule)


class TestWhatIsNotFound:
    def test_a_key_of_today_that_was_not_used_yet(self, world):
        assert subjects("keys.unused") == set()

    def test_an_imported_key_that_was_made_long_ago_elsewhere(self, world):
        world.young.secrets.update(public_id="knox:abc")
        changed(world.young, created_at=ago(900), scopes_since=ago(3), last_used_at=None)
        assert subjects("keys.unused") == set()

    def test_a_key_whose_scopes_are_recorded_for_a_shorter_time(self, world):
        key = changed(aged(world.young, 400), scopes_since=ago(80))
        used(key, "docs:read")
        assert subjects("keys.over-privileged") == set()

    def test_a_key_that_used_a_wider_scope_than_the_one_that_it_implies(self, world):
        key = aged(world.young, 100)
        used(key, "docs:write")
        assert subjects("keys.over-privileged") == set()

    def test_a_wide_key_with_a_network_or_bound_to_a_public_key(self, world):
        wide_anywhere(world, None)
        changed(world.young, networks="10.0.0.0/8")
        assert subjects("keys.wide-anywhere") == set()
        changed(world.young, networks="10.0.0.0/8 64.0.0.0/2 2001:db8::/32 fd00::/8")
        assert subjects("keys.wide-anywhere") == set()
        changed(world.young, networks="", dpop_jkt="x" * 43)
        assert subjects("keys.wide-anywhere") == set()

    def test_a_leaked_key_that_was_rotated_since(self, world):
        leaked(world, None)
        Event.objects.filter(action="credential.leaked").update(at=ago(1))
        assert subjects("keys.leaked") == set()

    def test_a_rotation_within_its_grace(self, world):
        service.rotate(world.young, by=BY)
        assert subjects("keys.two-live-secrets") == set()


@pytest.mark.parametrize(
    "networks", ["0.0.0.0/0", "::/0", "10.0.0.0/8 ::/0", "0.0.0.0/1 128.0.0.0/1", "0.0.0.0/2 64.0.0.0/2", "2000::/3"]
)
def test_a_network_of_most_addresses_is_no_bound(world, networks):
    wide_anywhere(world, None)
    changed(world.young, networks=networks)
    (finding,) = audited("keys.wide-anywhere")
    assert finding.subject.id == str(world.young.pk)
    assert networks.split()[0] in finding.message


def test_every_declared_scope_by_name_is_as_wide_as_a_wildcard(world):
    with many_scopes() as all_of_them:
        changed(world.young, scopes=all_of_them)
        assert subjects("keys.wide-anywhere") == {str(world.young.pk)}
        changed(world.young, scopes=all_of_them[1:])
        assert subjects("keys.wide-anywhere") == set()


def test_in_a_project_with_few_scopes_somebody_has_all_of_them(world):
    changed(world.young, scopes=["docs:write", "docs:delete", "reports:read"])
    assert subjects("keys.wide-anywhere") == set()


def test_credentials_in_the_clear_whose_owner_nobody_looked_up_are_told_by_the_setting(world, settings):
    refused(Action.CREDENTIAL_REFUSED, Reason.INSECURE_TRANSPORT, by=Actor("unknown", "somebody"), count=7)
    assert subjects("keys.sent-in-clear") == {'API_ACCESS["ON_CLEARTEXT"]'}
    api(settings, ON_CLEARTEXT="revoke", REQUIRE_TLS=True)
    assert subjects("keys.sent-in-clear") == set()


def test_the_narrowing_that_is_proposed_can_be_pasted(world, settings):
    over_privileged(world, settings)
    [finding] = audited("keys.over-privileged")
    assert finding.fix == f"manage.py narrow_api_keys {world.young.pk}"
    assert finding.evidence == {"unused": ["docs:write"], "stays": ["docs:read"]}


def test_no_secret_and_no_digest_is_in_a_finding(world, settings):
    for rule in ("keys.old-secret", "keys.lost-pepper", "keys.never-expires"):
        PLANTED[rule](world, settings)
    said = repr(audited("keys"))
    for secret in world.young.secrets.all():
        assert secret.digest not in said
        assert secret.digest.rpartition("$")[2] not in said


def test_more_than_anybody_reads_are_told_as_one_and_the_newest_one_by_one(world, monkeypatch):
    monkeypatch.setattr(many, "MOST", 3)
    made = [changed(key_of(world.ann, "docs:read", name=str(number)), expires_at=None) for number in range(5)]
    found = audited("keys.never-expires")
    assert {finding.subject.id for finding in found} == {str(key.pk) for key in made[-3:]} | {"*"}
    [rest] = [finding for finding in found if finding.subject.id == "*"]
    assert (rest.evidence, rest.subject.label) == ({"count": 2}, "2 more")


def test_keys_beyond_their_principal_are_told_up_to_the_same_number(world, monkeypatch):
    monkeypatch.setattr(many, "MOST", 3)
    for number in range(5):
        changed(key_of(world.ann, "docs:read", name=str(number)), scopes=["reports:read"])
    found = audited("keys.beyond-principal")
    assert len(found) == 4
    assert [finding.evidence for finding in found if finding.subject.id == "*"] == [{"count": 2}]


def test_keys_with_unused_scopes_are_told_up_to_the_same_number(world, monkeypatch):
    monkeypatch.setattr(many, "MOST", 3)
    for number in range(5):
        used(aged(key_of(world.ann, "docs:read", "docs:write", name=str(number)), 100), "docs:read")
    found = audited("keys.over-privileged")
    assert len(found) == 4
    assert [finding.evidence for finding in found if finding.subject.id == "*"] == [{"count": 2}]


def test_a_wide_fingerprint_stays_the_same_from_run_to_run(world):
    never_expires(world, None)
    first, second = audited("keys.never-expires"), audited("keys.never-expires")
    assert [finding.fingerprint for finding in first] == [finding.fingerprint for finding in second]


def test_the_number_of_statements_does_not_grow_with_the_keys(world):
    def more(numbers):
        for number in numbers:
            key = changed(aged(key_of(world.ann, *ALL[:2], name=str(number)), 400, seen=95), expires_at=None)
            used(key, "docs:read")
        return cost("keys")

    few, before = more(range(2))
    many_, after = more(range(2, 14))
    assert many_ >= few + 30
    assert after == before <= 45


def test_an_audit_changes_nothing(world, settings):
    for plant in (never_expires, old_secret, leaked):
        plant(world, settings)
    before = list(APIKey.objects.values()), list(ServiceAccount.objects.values()), Event.objects.count()
    audited("keys", "accounts")
    assert (list(APIKey.objects.values()), list(ServiceAccount.objects.values()), Event.objects.count()) == before


def test_the_worst_is_what_somebody_else_may_have(world, settings):
    leaked(world, settings)
    assert [finding.severity for finding in audited("keys.leaked")] == [Severity.CRITICAL]


def test_a_name_with_quotes_and_spaces_is_one_word_of_the_line(world):
    ServiceAccount.objects.filter(pk=world.account.pk).update(owner=None, name="o'hare; rm -rf x")
    import shlex

    [finding] = audited("accounts.without-owner")
    words = shlex.split(finding.fix, comments=True)
    assert words[words.index("--service-account") + 1] == "o'hare; rm -rf x"


def test_keys_that_expired_are_left_alone(world):
    changed(world.young, expires_at=timezone.now() - timedelta(seconds=1))
    world.young.secrets.update(created_at=ago(500))
    assert subjects("keys.old-secret") == set()
