"""Rows that are saved and deleted through other classes than their model: proxies, multi-table children."""

from __future__ import annotations

from functools import cache as cache_of_functions

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.deletion import Collector
from django.db.models.signals import ModelSignal, class_prepared
from django.test.utils import isolate_apps

from django_apiaccess.authn.marks import password_mark
from django_apiaccess.keys.lookup import memory
from django_apiaccess.models import Grant, TokenSession
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.kin import connect_kin, is_kin
from tests.kinapp.models import Colleague, Customer, KeyOfPartner
from tests.tokens.people import PATH, bearer, log_in
from tests.tokens.test_stateless import cache, worker  # noqa: F401 - a shared cache for every test here

pytestmark = pytest.mark.django_db(transaction=True)


@cache_of_functions
def staff_class():
    """A proxy that is defined when everything was connected long ago; it stays: signals know classes by their address."""
    with isolate_apps("tests.kinapp"):

        class Late(User):
            class Meta:
                proxy = True
                app_label = "kinapp"

    return Late


def customer_of(user):
    """The multi-table child of that user, made by hand."""
    customer = Customer(user_ptr=user)
    customer.__dict__.update({name: value for name, value in user.__dict__.items() if name != "_state"})
    customer.save()
    return customer


KIN = {
    "proxy": lambda user: Colleague.objects.get(pk=user.pk),
    "child": customer_of,
    "late": lambda user: staff_class()._base_manager.get(pk=user.pk),
}
every_class = pytest.mark.parametrize("as_kin", KIN.values(), ids=KIN)


@pytest.fixture
def ann(make_user, make_role):
    make_role("reader", "docs:read")
    return make_user("ann", role="reader")


def deactivate(person, _operator):
    person.is_active = False
    person.save()


def change_password(person, _operator):
    person.set_password("another one")
    person.save()


def delete(person, _operator):
    person.delete()


@every_class
@pytest.mark.parametrize("change", [deactivate, change_password, delete])
class TestPeople:
    def test_a_change_through_another_class_is_felt_at_once_by_tokens_in_the_shared_cache(
        self, ann, operator, as_kin, change
    ):
        person = as_kin(ann)
        text = log_in("ann").access
        assert [bearer(text).get(PATH).status_code for _request in range(2)] == [200, 200]
        change(person, operator)
        assert bearer(text).get(PATH).status_code == 401
        worker()
        assert bearer(text).get(PATH).status_code == 401

    def test_and_by_keys_that_the_process_remembers(self, ann, make_key, client_of, settings, as_kin, change, operator):
        settings.API_ACCESS = {
            **settings.API_ACCESS, "STATELESS_SECONDS": 0, "CACHE_SECONDS": 300, "GENERATION_SECONDS": 0
        }  # fmt: skip
        person = as_kin(ann)
        client = client_of(make_key(ann, "docs:read"))
        assert [client.get(PATH).status_code for _request in range(2)] == [200, 200]
        change(person, operator)
        expected = 200 if change is change_password else 401
        assert client.get(PATH).status_code == expected


@every_class
def test_groups_that_are_left_through_another_class_are_felt_at_once(make_user, operator, as_kin):
    group = Group.objects.create(name="readers")
    roles.grant(group=group, scope="docs:read", by=operator)
    bob = make_user("bob")
    person = as_kin(bob)
    person.groups.add(group)
    text = log_in("bob").access
    assert [bearer(text).get(PATH).status_code for _request in range(2)] == [200, 200]
    person.groups.clear()
    assert bearer(text).get(PATH).status_code == 403


@every_class
def test_a_password_that_is_only_hashed_anew_through_another_class_ends_no_session(ann, settings, as_kin):
    person = as_kin(ann)
    log_in("ann")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert person.check_password("secret")
    assert person.password.startswith("pbkdf2_sha256")
    assert TokenSession.objects.get().password_mark == password_mark(get_user_model().objects.get(pk=ann.pk))


def test_a_key_that_is_deleted_through_a_proxy_is_forgotten_and_written_down(ann, make_key, client_of, settings):
    from django_apiaccess.models import Event

    settings.API_ACCESS = {
        **settings.API_ACCESS, "STATELESS_SECONDS": 0, "CACHE_SECONDS": 300, "GENERATION_SECONDS": 0
    }  # fmt: skip
    issued = make_key(ann, "docs:read")
    client = client_of(issued)
    assert [client.get(PATH).status_code for _request in range(2)] == [200, 200]
    KeyOfPartner.objects.get(pk=issued.key.pk).delete()
    assert client.get(PATH).status_code == 401
    assert Event.objects.filter(action="key.deleted").count() == 1
    memory.clear()


def test_models_of_others_are_deleted_without_being_loaded_as_before():
    assert Collector("default").can_fast_delete(Session.objects.all())


def test_kin_are_those_that_share_rows():
    assert all(is_kin(one, User) and is_kin(User, one) for one in (User, Colleague, Customer, staff_class()))
    assert is_kin(Colleague, Customer)
    assert not any(is_kin(one, User) for one in (Group, Grant, KeyOfPartner, Session))


@isolate_apps("tests.kinapp")
def test_a_receiver_of_a_child_hears_of_its_parent_and_of_the_parents_proxies():
    signal, heard, within = (
        ModelSignal(),
        [],
        {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "kinapp"})},
    )
    proxy = {**within, "Meta": type("Meta", (), {"app_label": "kinapp", "proxy": True})}

    def hear(sender, **_kwargs):
        heard.append(sender)

    base = type("Base", (models.Model,), dict(within))
    child = type("Child", (base,), dict(within))
    connect_kin(signal, hear, child, uid="test.kin")
    try:
        later = [type("BaseProxy", (base,), dict(proxy)), type("ChildProxy", (child,), dict(proxy))]
        type("Sibling", (base,), dict(within))
        for sender in (base, child, *later, Group):
            signal.send(sender)
        assert heard == [child, *later]  # the base was there before, in a registry that is not the project's
        assert is_kin(base, child)
    finally:
        class_prepared.disconnect(dispatch_uid=("test.kin", id(signal), "kin"))
