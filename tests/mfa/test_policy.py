"""Of whom a second factor is wanted, from when, and how it meets the other ways in."""

import base64

import pytest
from rest_framework.test import APIClient

from django_apiaccess.mfa import policy
from django_apiaccess.mfa.models import MFADuty
from django_apiaccess.models import Event

from .factors import app_of, code_of, log_in, pending, said, tokens, verify

ENROL = (403, "mfa_enrollment_required")


def odd_names(user):
    return user.get_username().startswith("b")


@pytest.mark.parametrize(
    ("required", "who"),
    [
        ([], set()),
        (["everyone"], {"ann", "boss", "root", "mia"}),
        (["staff"], {"boss", "root"}),
        (["superusers"], {"root"}),
        (["role:manager"], {"mia"}),
        (["scope:docs:delete"], {"mia", "root"}),
        (["superusers", "role:manager"], {"root", "mia"}),
        (odd_names, {"boss"}),
        (f"{__name__}.odd_names", {"boss"}),
    ],
    ids=lambda given: "" if isinstance(given, set) else getattr(given, "__name__", str(given)),
)
def test_a_policy_means_whom_it_names(make_user, make_role, mfa, required, who):
    make_role("manager", "docs:delete")
    people = [
        make_user("ann"),
        make_user("boss", is_staff=True),
        make_user("root", is_superuser=True),
        make_user("mia", role="manager"),
    ]
    mfa(REQUIRED_FOR=required)
    assert {user.get_username() for user in people if policy.is_required(user)} == who


def test_a_role_that_was_given_and_taken_counts_at_once(ann, make_role, operator, mfa):
    from django_apiaccess.roles import service as roles

    make_role("manager", "docs:delete")
    mfa(REQUIRED_FOR=["role:manager"])
    assert log_in().status_code == 200
    roles.grant(user=ann, role="manager", by=operator)
    assert said(log_in()) == ENROL
    ann.apiaccess_grants.filter(role__name="manager").delete()
    assert log_in().status_code == 200


def test_the_grace_counts_from_the_first_log_in_and_is_given_once(ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"], GRACE="3d")
    clock.pass_by(days=100)
    assert log_in().status_code == 200
    since = MFADuty.objects.get().since
    clock.pass_by(days=2, hours=23)
    assert log_in().status_code == 200
    clock.pass_by(hours=1)
    assert said(log_in()) == ENROL
    assert MFADuty.objects.get().since == since


def test_a_factor_that_comes_and_goes_gives_no_new_grace(ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"], GRACE="3d")
    log_in()
    device = app_of(ann)
    clock.pass_by(days=4)
    assert verify(pending(), "totp", code_of(device)).status_code == 200
    device.delete()
    assert said(log_in()) == ENROL


def test_without_grace_the_first_log_in_leads_to_enrolment(ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"])
    assert said(log_in()) == ENROL


def test_a_policy_says_nothing_to_a_wrong_password(ann, mfa):
    mfa(REQUIRED_FOR=["everyone"])
    assert log_in("ann", "wrong").content == log_in("nobody", "wrong").content


def test_a_policy_that_raises_opens_nothing(ann, mfa, clock):
    def broken(user):
        raise RuntimeError("the directory is down")

    mfa(REQUIRED_FOR=broken)
    with pytest.raises(RuntimeError):
        log_in()
    from django_apiaccess.models import TokenSession

    assert not TokenSession.objects.exists()


def test_a_session_from_before_the_policy_refreshes_on(ann, mfa, clock):
    from .factors import post

    given = tokens()
    mfa(REQUIRED_FOR=["everyone"])
    assert post("token/refresh/", {"refresh_token": given["refresh_token"]}).status_code == 200


# -- PW-09: no way around it by password


@pytest.fixture
def basic(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key", "jwt", "session", "basic"]}

    def get(username="ann", password="secret"):
        header = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        return APIClient().get("/read-only/", secure=True, HTTP_AUTHORIZATION=header)

    return get


def test_pw_09_basic_does_not_open_the_account_of_who_has_a_factor(basic, ann, clock):
    assert basic().status_code == 200
    app_of(ann, confirmed=False)
    assert basic().status_code == 200
    app_of(ann, seed=b"n" * 20)
    assert said(basic()) == (401, "invalid_credential")
    assert basic().content == basic(password="wrong").content
    assert Event.objects.filter(reason="mfa_required", credential_kind="basic").exists()


def test_pw_09_basic_does_not_open_an_account_that_must_enrol(basic, ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"], GRACE="1d")
    assert basic().status_code == 200
    clock.pass_by(days=1)
    assert basic().status_code == 401
    assert Event.objects.filter(reason="mfa_enrollment_required").exists()


def test_pw_09_there_is_no_password_grant(ann, clock):
    from .factors import post

    app_of(ann)
    body = {"grant_type": "password", "username": "ann", "password": "secret"}
    assert said(post("token/", body)) == (403, "mfa_required")
    assert post("token/refresh/", body).status_code == 400


def test_a_browsers_session_waits_for_enrolment(ann, mfa, clock):
    from django.test import Client

    mfa(REQUIRED_FOR=["everyone"])
    client = Client()
    assert client.login(username="ann", password="secret")
    assert said(client.get("/read-only/")) == (401, "mfa_required")
