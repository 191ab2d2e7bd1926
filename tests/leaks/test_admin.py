"""What the admin and `create_api_key` say of leaks."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_apiaccess.keys.models import APIKey
from django_apiaccess.models import Event
from tests.adminkit import text_of, url, used_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_user: Any, client: Any) -> Any:
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def ann(make_user: Any) -> Any:
    return make_user("ann", "docs:read")


def test_a_leaked_key_that_is_open_is_marked_and_found(client, root, ann, make_key, report):
    leaked, other = make_key(ann, "docs:read", name="leaky", on_leak="notify"), make_key(ann, "docs:read", name="tight")
    report(leaked.text)

    page = text_of(client.get(url("apikey", "changelist"), {"attention": "leaked"}))
    assert "leaky" in page
    assert "tight" not in page
    shown = text_of(client.get(url("apikey", "change", leaked.key.pk)))
    assert ">leaked<" in shown
    assert ">leaked<" not in text_of(client.get(url("apikey", "change", other.key.pk)))


def test_the_policy_is_chosen_at_making_a_key(client, root, ann):
    data = {"principal": ann.pk, "name": "n", "scopes": ["docs:read"], "lifetime": "90d", "on_leak": "retire"}
    client.post(url("apikey", "add"), {**data, "apiaccess_form": used_form(client, url("apikey", "add"))})
    assert APIKey.objects.get().on_leak == "retire"


def test_the_form_says_what_the_setting_is(client, root, leaks):
    leaks(ON_LEAK="retire")
    assert "as the settings say: retire it soon" in text_of(client.get(url("apikey", "add")))


def test_the_policy_is_changed_with_an_event(client, root, ann, make_key):
    key = make_key(ann, "docs:read").key
    page = client.get(url("apikey", "change", key.pk))
    form = page.context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields if name not in {"expires_at", "scopes"}}
    expiry = key.expires_at
    data |= {
        "expires_at_0": f"{expiry:%Y-%m-%d}",
        "expires_at_1": f"{expiry:%H:%M:%S}",
        "scopes": ["docs:read"],
        "on_leak": "notify",
    }
    response = client.post(url("apikey", "change", key.pk), data)
    assert response.status_code == 302, text_of(response)
    assert APIKey.objects.get().on_leak == "notify"
    assert Event.objects.filter(action="key.changed", details__after__on_leak="notify").exists()


def test_the_command_sets_the_policy(ann):
    out = StringIO()
    call_command(
        "create_api_key",
        "--user",
        "ann",
        "--name",
        "ci",
        "--scope",
        "docs:read",
        "--on-leak",
        "notify",
        "--format",
        "json",
        stdout=out,
    )
    assert APIKey.objects.get(pk=json.loads(out.getvalue())["id"]).on_leak == "notify"


def test_the_command_refuses_a_policy_that_is_none(ann):
    with pytest.raises(CommandError, match="revoke"):
        call_command("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read", "--on-leak", "ignore")
