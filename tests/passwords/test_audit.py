"""The audit's rules about people: second factors, passwords, names, accounts that nobody uses. Each finds its planted weakness alone."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password

from django_apiaccess.audit.finding import Severity
from django_apiaccess.mfa.models import RecoveryCode, SMSFactor, TOTPFactor
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens.models import TokenSession
from tests.planting import BY, Plant, ago, audited, changed, clean_world, cost, factor, key_of, person, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    return clean_world()


def staff(name="sam", **fields):
    user = person(name, is_staff=True, **fields)
    factor(user)
    return user


def without_mfa(world, settings):
    return str(person("sam", is_staff=True).pk)


def sms_only(world, settings):
    TOTPFactor.objects.filter(user=world.boss).delete()
    SMSFactor.objects.create(user=world.boss, number="+31612345678", confirmed=True)
    return str(world.boss.pk)


def no_codes(world, settings):
    RecoveryCode.objects.filter(user=world.boss).update(used_at=ago(1))
    return str(world.boss.pk)


def weak_hash(world, settings):
    changed(world.ann, password="md5$salt$0cc175b9c0f1b6a831c399e269772661")
    return "md5"


def default_name(world, settings):
    return str(changed(world.boss, username="Admin2").pk)


def no_email(world, settings):
    return str(changed(world.boss, email="").pk)


def stale(world, settings):
    return str(changed(world.bob, last_login=ago(181)).pk)


PLANTED: dict[str, Plant] = {
    "people.staff-without-mfa": without_mfa,
    "people.sms-only": sms_only,
    "people.no-recovery-codes": no_codes,
    "people.weak-hash": weak_hash,
    "people.default-name": default_name,
    "people.no-email": no_email,
    "people.stale": stale,
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    assert subjects(rule) == set()
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)


@pytest.mark.parametrize("rule", PLANTED)
def test_somebody_who_is_not_active_is_nobodys_concern(rule, world, settings):
    PLANTED[rule](world, settings)
    for user in (world.boss, world.ann, world.bob):
        changed(user, is_active=False)
    type(world.boss).objects.filter(username="sam").update(is_active=False)
    assert subjects(rule) == set()


@pytest.mark.parametrize(
    ("stored", "kind", "severity"),
    [
        ("md5$salt$x", "md5", Severity.HIGH),
        ("0cc175b9c0f1b6a831c399e269772661", "md5", Severity.HIGH),
        ("sha1$salt$x", "sha1", Severity.HIGH),
        ("sha1$$x", "sha1", Severity.HIGH),
        ("crypt$$x", "crypt", Severity.HIGH),
        ("sha256$salt$x", "sha2", Severity.HIGH),
        ("pbkdf2_sha1$1000000$salt$x", "pbkdf2_sha1", Severity.MEDIUM),
        ("pbkdf2_sha256$36000$salt$x", "pbkdf2_sha256", Severity.MEDIUM),
        ("pbkdf2_sha256$599999$salt$x", "pbkdf2_sha256", Severity.MEDIUM),
        ("pbkdf2_sha256$600000$salt$x", "", None),
        ("pbkdf2_sha256$1200000$salt$x", "", None),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$x", "", None),
        ("bcrypt_sha256$$2b$12$x", "", None),
        ("scrypt$16384$salt$8$5$x", "", None),
        ("!unusable", "", None),
        ("", "", None),
    ],
)
def test_hashes_are_told_by_how_they_begin(world, stored, kind, severity):
    changed(world.ann, password=stored)
    assert [(finding.subject.id, finding.severity) for finding in audited("people.weak-hash")] == (
        [(kind, severity)] if kind else []
    )


def test_no_part_of_a_hash_is_in_a_finding(world, settings):
    weak_hash(world, settings)
    said = repr(audited("people.weak-hash"))
    assert "0cc175b9" not in said
    assert "salt" not in said


def test_many_weak_hashes_are_one_finding_with_some_of_their_owners(world):
    for number in range(30):
        changed(person(f"p{number}"), password="md5$salt$x")
    [finding] = audited("people.weak-hash")
    assert finding.evidence["count"] == 30
    assert len(finding.evidence["names"]) == 20


def test_a_superuser_whose_password_is_the_name_is_critical(world):
    changed(world.boss, username="root", password=make_password("root"))
    assert [finding.severity for finding in audited("people.default-name")] == [Severity.CRITICAL]


@pytest.mark.parametrize("name", ["ADMIN", "admin1", "root", "test_user", "admin@example.com", "demo"])
def test_default_names_are_told_in_any_case_and_with_numbers(world, name):
    changed(world.boss, username=name)
    assert subjects("people.default-name") == {str(world.boss.pk)}


@pytest.mark.parametrize("name", ["boss", "madmin", "adminah", "testa", "ann.admin-jones"])
def test_other_names_are_not(world, name):
    changed(world.boss, username=name)
    assert subjects("people.default-name") == set()


def test_somebody_without_superusers_rights_may_be_called_admin(world):
    changed(world.bob, username="admin")
    assert subjects("people.default-name") == set()


def test_a_service_account_is_no_person(world):
    type(world.boss).objects.filter(pk=world.account.user_id).update(is_staff=True, email="", last_login=ago(900))
    for rule in ("people.staff-without-mfa", "people.no-email", "people.stale"):
        assert subjects(rule) == set()


class TestStale:
    def test_somebody_without_rights_may_stay_away(self, world):
        changed(person("quiet"), last_login=ago(900))
        assert subjects("people.stale") == set()

    def test_somebody_who_never_came_is_found_after_half_a_year(self, world):
        user = changed(staff(), last_login=None)
        assert subjects("people.stale") == set()
        changed(user, date_joined=ago(181))
        assert subjects("people.stale") == {str(user.pk)}

    def test_whoever_works_with_tokens_or_keys_is_there(self, world):
        changed(world.bob, last_login=ago(900))
        session = TokenSession.objects.create(
            sid="s", user=world.bob, client_id="c", auth_time=ago(300), created_at=ago(300), expires_at=ago(-1)
        )
        assert subjects("people.stale") == {str(world.bob.pk)}
        changed(session, last_used_at=ago(2))
        assert subjects("people.stale") == set()
        session.delete()
        changed(key_of(world.bob, "reports:read"), last_used_at=ago(3))
        assert subjects("people.stale") == set()

    def test_a_grant_that_ended_gives_no_rights(self, world):
        user = changed(person("past"), last_login=ago(900))
        changed(roles.grant(user=user, scope="docs:read", reason="x", by=BY), starts_at=ago(20), ends_at=ago(10))
        assert subjects("people.stale") == set()


def test_two_factors_need_no_recovery_code(world):
    RecoveryCode.objects.all().delete()
    SMSFactor.objects.create(user=world.boss, number="+31612345678", confirmed=True)
    assert subjects("people.no-recovery-codes") == set()


@pytest.mark.parametrize("policy", [["staff"], ["everyone"], [], ["role:editor"]])
def test_the_fix_depends_on_whether_the_project_asks_for_factors(world, settings, policy):
    settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"REQUIRED_FOR": policy}}
    without_mfa(world, settings)
    [finding] = audited("people.staff-without-mfa")
    demanded = policy in (["staff"], ["everyone"])
    assert finding.fix.startswith("manage.py list_mfa" if demanded else "API_ACCESS")


def test_a_factor_that_is_not_confirmed_is_none(world):
    TOTPFactor.objects.filter(user=world.boss).update(confirmed=False)
    assert subjects("people.staff-without-mfa") == {str(world.boss.pk)}


def test_a_project_that_tells_people_otherwise_needs_no_addresses(world, settings):
    no_email(world, settings)
    settings.API_ACCESS = {**settings.API_ACCESS, "NOTIFIER": "shop.notify.by_phone"}
    assert subjects("people.no-email") == set()


def test_the_number_of_statements_does_not_grow_with_people(world):
    def more(numbers):
        for number in numbers:
            changed(person(f"p{number}", is_staff=True, email=""), last_login=ago(300))
        return cost("people")

    few, before = more(range(2))
    many_, after = more(range(2, 22))
    assert many_ >= few + 60
    assert after == before <= 20
