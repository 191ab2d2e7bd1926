"""Service accounts in the admin."""

import pytest

from django_apiaccess.keys.models import ServiceAccount
from django_apiaccess.models import Event
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def account(client, root):
    client.post(url("serviceaccount", "add"), {"name": "warehouse", "owner": root.pk, "purpose": "packs"})
    return ServiceAccount.objects.get()


def test_a_new_one_is_a_user_that_nobody_logs_in_as(account, client):
    assert not account.user.has_usable_password()
    assert (account.owner.username, account.purpose) == ("root", "packs")
    assert Event.objects.get(action="service_account.created").actor_label == "root"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "root"}, "There is a user or service account named"),
        ({"name": ""}, "required"),
        ({"purpose": "  "}, "required"),
        ({"owner": "9" * 30}, "Select a valid choice"),
        ({"owner": "x"}, "Select a valid choice"),
        ({"name": "a\x00"}, "Null characters"),
        ({"name": "a b/c?"}, ""),
        ({"name": "n" * 300}, "at most 100"),
    ],
)
def test_bad_input_is_an_error_of_the_form(client, root, fields, says):
    data = {"name": "warehouse", "owner": root.pk, "purpose": "packs", **fields}
    response = client.post(url("serviceaccount", "add"), data)
    assert response.status_code == 200
    assert says in text_of(response)
    assert not ServiceAccount.objects.exists()


def test_made_inactive_its_keys_are_refused_at_the_next_request(client, account, make_key, client_of, operator):
    from django_apiaccess.roles import service as roles

    roles.grant(user=account.user, scope="docs:read", by=operator)
    issued = make_key(account.user, "docs:read")
    data = {"owner": account.owner.pk, "purpose": "packs"}
    client.post(url("serviceaccount", "change", account.pk), data)
    assert client_of(issued).get("/read-only/").status_code == 401
    details = Event.objects.get(action="service_account.changed").details
    assert (details["before"]["active"], details["after"]["active"]) == (True, False)
    client.post(url("serviceaccount", "change", account.pk), {**data, "active": "on"})
    assert client_of(issued).get("/read-only/").status_code == 200


def test_saving_what_is_there_writes_nothing(client, account):
    data = {"owner": account.owner.pk, "purpose": "packs", "active": "on"}
    client.post(url("serviceaccount", "change", account.pk), data)
    assert not Event.objects.filter(action="service_account.changed").exists()


def test_it_is_not_deleted_on_its_own_page_but_with_its_user(client, account):
    assert client.post(url("serviceaccount", "delete", account.pk), {"post": "yes"}).status_code == 403
    client.post(f"/admin/auth/user/{account.user.pk}/delete/", {"post": "yes"})
    assert not ServiceAccount.objects.exists()


def test_the_page_shows_keys_and_grants_and_leads_to_more(client, account, make_key):
    make_key(account.user, name="scanner")
    page = text_of(client.get(url("serviceaccount", "change", account.pk)))
    assert "scanner" in page
    assert f"{url('apikey', 'add')}?principal={account.user.pk}" in page
    assert url("grant", "rights", account.user.pk) in page
    assert "warehouse" in text_of(client.get(url("serviceaccount")))


def test_who_may_only_look_sees_no_buttons_and_no_keys(client, account, make_user, make_key):
    make_key(account.user, name="scanner")
    client.force_login(allow(make_user("bob"), "view_serviceaccount"))
    page = text_of(client.get(url("serviceaccount", "change", account.pk)))
    for gone in ('name="_save"', "scanner", "/apikey/add/", "/rights/"):
        assert gone not in page
    assert client.post(url("serviceaccount", "change", account.pk), {"purpose": "x"}).status_code == 403
    assert client.get(url("serviceaccount", "add")).status_code == 403
