"""Clients and consents in the admin: no digest is shown, and only who may ends something."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from django_apiaccess.contrib.oauth.models import ClientSecret, Consent, OAuthClient

pytestmark = pytest.mark.django_db
ANSWER = {"reason_asked": "1", "reason": "It is not needed any more"}


def page(model: str, view: str, *args: Any) -> str:
    return reverse(f"admin:django_apiaccess_oauth_{model}_{view}", args=args)


@pytest.fixture
def staff(make_user: Any, client: Any) -> Any:
    """`staff("view_oauthclient")`: logs somebody in who has these permissions and nothing else."""

    def make(*codenames: str) -> None:
        user = make_user("sam", is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
        client.force_login(user)

    return make


@pytest.fixture
def consent(confidential: Any, ann: Any) -> Consent:
    return Consent.objects.create(client=confidential.client, user=ann, scopes=frozenset({"docs:read"}))


def test_the_pages_of_a_client_show_neither_secret_nor_digest(client: Any, staff: Any, confidential: Any) -> None:
    staff("view_oauthclient")
    digest = ClientSecret.objects.get().digest
    for address in (page("oauthclient", "changelist"), page("oauthclient", "change", confidential.client.pk)):
        text = client.get(address).content.decode()
        assert confidential.client.client_id in text
        assert digest not in text
        assert confidential.secret not in text


def test_who_may_change_clients_switches_one_off(client: Any, staff: Any, confidential: Any) -> None:
    staff("view_oauthclient", "change_oauthclient")
    address = page("oauthclient", "off", confidential.client.pk)
    assert client.get(address).status_code == 200
    assert OAuthClient.objects.get().is_active
    assert client.post(address, ANSWER).status_code == 302
    assert not OAuthClient.objects.get().is_active


def test_who_may_only_look_switches_nothing_off(client: Any, staff: Any, confidential: Any) -> None:
    staff("view_oauthclient")
    assert client.post(page("oauthclient", "off", confidential.client.pk), ANSWER).status_code == 403
    assert OAuthClient.objects.get().is_active


def test_oa_15_who_may_revoke_consents_takes_one_back_with_a_reason(client: Any, staff: Any, consent: Consent) -> None:
    staff("view_consent", "revoke_consent")
    address = page("consent", "revoke", consent.pk)
    assert client.post(address, {"reason_asked": "1", "reason": ""}).status_code == 200
    assert Consent.objects.live().exists()
    assert client.post(address, ANSWER).status_code == 302
    assert Consent.objects.get().revoked_reason == ANSWER["reason"]


def test_who_may_only_look_takes_no_consent_back(client: Any, staff: Any, consent: Consent) -> None:
    staff("view_consent")
    assert client.post(page("consent", "revoke", consent.pk), ANSWER).status_code == 403
    assert Consent.objects.live().exists()


def test_a_user_who_let_an_app_in_can_still_be_deleted_in_the_admin(
    client: Any, make_user: Any, consent: Consent, ann: Any
) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    client.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
    assert not Consent.objects.exists()
    assert client.post(page("consent", "delete", consent.pk), {"post": "yes"}).status_code in {403, 404, 302}


def test_nobody_deletes_a_consent_on_its_own_page(client: Any, make_user: Any, consent: Consent) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert client.post(page("consent", "delete", consent.pk), {"post": "yes"}).status_code == 403
    assert Consent.objects.exists()
