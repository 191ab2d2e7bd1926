"""Tokens in a project that swapped every model of django-oauth-toolkit. Run by `test_dot.py`."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.contrib.oauth.models import OAuthClient
from tests.contrib.dot_swapped.models import AccessToken, Application

pytestmark = pytest.mark.django_db


def read(token):
    return APIClient(headers={"authorization": f"Bearer {token}"}).get("/read-only/")


@pytest.fixture
def application(make_user):
    application = Application.objects.create(client_type="public", authorization_grant_type="authorization-code")
    AccessToken.objects.create(
        user=make_user("ann", "docs:read"),
        application=application,
        token="t" * 30,
        expires=timezone.now() + timedelta(hours=1),
        scope="read",
    )
    return application


def test_its_own_models_are_asked(application, django_assert_num_queries):
    read("t" * 30)
    with django_assert_num_queries(1):
        assert read("t" * 30).json() == {"user": "ann", "kind": "dot"}


def test_an_application_that_is_switched_off_opens_nothing(application):
    Application.objects.update(is_active=False)
    assert read("t" * 30).status_code == 401


def test_an_application_that_is_switched_off_becomes_a_client_that_is(application):
    Application.objects.update(is_active=False, redirect_uris="https://client.example/cb")
    call_command("import_dot_clients", stdout=io.StringIO(), stderr=io.StringIO())
    client = OAuthClient.objects.get()
    assert (client.client_id, client.is_active) == (application.client_id, False)


def test_a_token_that_is_gone_opens_nothing(application):
    AccessToken.objects.all().delete()
    assert read("t" * 30).status_code == 401
