"""The audit's rules about OAuth clients: each finds its planted weakness, and that alone."""

from __future__ import annotations

import pytest
from django.utils import timezone

from django_apiaccess.audit.finding import Severity
from django_apiaccess.contrib.oauth import client_secrets, clients
from django_apiaccess.contrib.oauth.models import OAuthClient
from django_apiaccess.events.record import changed as record
from django_apiaccess.events.source import Actor
from django_apiaccess.events.tags import Action
from django_apiaccess.tokens.models import TokenSession
from tests.planting import BY, DAY, Plant, ago, audited, changed, clean_world, cost, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    world = clean_world()
    world.web = clients.create(
        by=BY,
        name="web",
        owner=world.ann,
        auth_method="none",
        redirect_uris=["https://app.example/cb", "http://127.0.0.1/cb", "http://localhost:8000/cb", "app.example:/cb"],
        grant_types=["authorization_code", "refresh_token"],
        scopes=["docs:read"],
    ).client
    world.robot = clients.create(
        by=BY,
        name="robot",
        owner=world.ann,
        grant_types=["client_credentials"],
        scopes=["docs:read"],
        service_account=world.account,
    ).client
    return world


def oauth(settings, **entries):
    settings.API_ACCESS = {**settings.API_ACCESS, "OAUTH": entries}


def aged(client, days=100, seen=None):
    return changed(client, created_at=ago(days), last_used_at=None if seen is None else ago(seen))


def plain_http(world, settings):
    return changed(world.web, redirect_uris="https://app.example/cb\nhttp://app.example/cb").client_id


def public_by_itself(world, settings):
    return changed(world.web, grant_types="authorization_code client_credentials").client_id


def old_secret(world, settings):
    world.robot.secrets.update(created_at=ago(366))
    return world.robot.client_id


def two_secrets(world, settings):
    client_secrets.rotate(world.robot, by=BY, grace=60 * DAY, reason="x")
    world.robot.secrets.filter(retired_at__isnull=False).update(retired_at=ago(8))
    return world.robot.client_id


def unused(world, settings):
    return aged(world.web).client_id


def unused_grant(world, settings):
    changed(world.web, grant_types="authorization_code urn:ietf:params:oauth:grant-type:device_code")
    return aged(world.web, seen=1).client_id


def registration(world, settings):
    oauth(settings, REGISTRATION="open", REGISTRATION_SCOPES=["docs:read"])
    return 'API_ACCESS["OAUTH"]["REGISTRATION"]'


def ownerless(world, settings):
    return changed(world.web, owner=None).client_id


def moving(world, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "DOT": {"ACCEPT_UNTIL": "2999-01-01", "SCOPES": "same"}}
    return 'API_ACCESS["DOT"]'


PLANTED: dict[str, Plant] = {
    "oauth.dot-accepted": moving,
    "oauth.loose-redirect": plain_http,
    "oauth.public-without-proof": public_by_itself,
    "oauth.old-secret": old_secret,
    "oauth.two-live-secrets": two_secrets,
    "oauth.unused-client": unused,
    "oauth.unused-grant": unused_grant,
    "oauth.open-registration": registration,
    "oauth.ownerless-client": ownerless,
}


def test_nothing_is_found_where_all_is_in_order(world):
    assert audited("oauth") == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    assert subjects(rule) == set()
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)


@pytest.mark.parametrize(
    "rule", [rule for rule in PLANTED if rule not in {"oauth.open-registration", "oauth.dot-accepted"}]
)
def test_a_client_that_is_not_active_is_nobodys_concern(rule, world, settings):
    expected = PLANTED[rule](world, settings)
    OAuthClient.objects.filter(client_id=expected).update(is_active=False)
    assert subjects(rule) == set()


@pytest.mark.parametrize(
    ("uri", "loose"),
    [
        ("http://app.example/cb", True),
        ("https://*.example/cb", True),
        ("http://127.0.0.1.evil.example/", True),
        ("http://[::1]:8000/cb", False),
        ("http://localhost/cb", False),
        ("https://app.example/http:x", False),
    ],
)
def test_which_redirects_are_loose(world, uri, loose):
    changed(world.web, redirect_uris=uri)
    assert bool(audited("oauth.loose-redirect")) is loose


def test_a_client_whose_sessions_are_used_is_used(world):
    client = aged(world.web)
    TokenSession.objects.create(
        sid="s",
        user=world.ann,
        client_id=client.client_id,
        auth_time=ago(1),
        expires_at=ago(-5),
        last_used_at=timezone.now(),
    )
    assert subjects("oauth.unused-client") == set()


def test_a_client_that_registered_itself_has_a_month(world):
    client = changed(world.web, origin="dynamic", created_at=ago(31))
    [finding] = audited("oauth.unused-client")
    assert finding.subject.id == client.client_id
    assert "registered itself" in finding.message


def test_grants_that_are_used_are_not_found(world):
    unused_grant(world, None)
    changed(world.robot, grant_types="client_credentials urn:ietf:params:oauth:grant-type:token-exchange")
    aged(world.robot, seen=1)
    assert len(audited("oauth.unused-grant")) == 2
    record(Action.DEVICE_APPROVED, world.web, by=BY, client=world.web.client_id)
    record(Action.TOKEN_EXCHANGED, world.robot, by=Actor("client", "robot", world.robot.client_id))
    assert audited("oauth.unused-grant") == []


def test_registration_that_gives_nothing_is_no_more_than_untidy(settings, world):
    oauth(settings, REGISTRATION="open")
    assert [finding.severity for finding in audited("oauth.open-registration")] == [Severity.LOW]


@pytest.mark.parametrize("mode", ["off", "token"])
def test_registration_by_whoever_has_a_key_for_it_is_in_order(settings, world, mode):
    oauth(settings, REGISTRATION=mode, REGISTRATION_SCOPES=["docs:read"])
    assert subjects("oauth.open-registration") == set()


def test_a_move_that_is_not_finished_is_told(world, settings):
    def accepted(until):
        settings.API_ACCESS = {**settings.API_ACCESS, "DOT": {"ACCEPT_UNTIL": until, "SCOPES": "same"}}
        return [finding.severity for finding in audited("oauth.dot-accepted")]

    assert accepted("2999-01-01") == [Severity.MEDIUM]
    assert accepted(ago(-10).date().isoformat()) == [Severity.LOW]
    assert accepted(None) == [Severity.MEDIUM]


def test_the_fix_of_an_unused_client_ends_it(world, settings):
    import shlex

    unused(world, settings)
    [finding] = audited("oauth.unused-client")
    exec(shlex.split(finding.fix, comments=True)[-1], {})
    assert not OAuthClient.objects.get(pk=world.web.pk).is_active


def test_the_fix_of_a_public_client_takes_the_odd_grant(world, settings):
    import shlex

    public_by_itself(world, settings)
    [finding] = audited("oauth.public-without-proof")
    exec(shlex.split(finding.fix, comments=True)[-1], {})
    assert OAuthClient.objects.get(pk=world.web.pk).grant_types == "authorization_code"


def test_the_number_of_statements_does_not_grow_with_clients(world):
    def more(numbers):
        for number in numbers:
            made = clients.create(by=BY, name=f"c{number}", grant_types=["refresh_token"], auth_method="none")
            aged(made.client)
        return cost("oauth")

    few, before = more(range(2))
    many_, after = more(range(2, 17))
    assert many_ >= few + 30
    assert after == before <= 15
