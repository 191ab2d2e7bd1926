"""One form, sent many times at the same moment, makes one key."""

import threading

import pytest
from django.db import connection, connections
from django.test import Client

from django_apiaccess.keys.models import APIKey
from tests.adminkit import KEY, text_of, url, used_form


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(5))  # a circle of locks closes in one round of four
def test_posts_of_one_form_at_once_make_one_key_and_show_it_once(make_user, _round):
    if connection.vendor != "postgresql":
        pytest.skip("a test database in memory has one connection: needs PostgreSQL")
    root, ann = make_user("root", is_staff=True, is_superuser=True), make_user("ann", "docs:read")
    first = Client()
    first.force_login(root)
    data = {"principal": ann.pk, "name": "nightly", "scopes": ["docs:read"], "lifetime": "90d"}
    data["apiaccess_form"] = used_form(first, url("apikey", "add"))
    start, shown = threading.Barrier(8), []

    def send():
        client = Client()
        client.cookies.update(first.cookies)
        start.wait()
        try:
            shown.extend(set(KEY.findall(text_of(client.post(url("apikey", "add"), data)))))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert APIKey.objects.count() == 1
    assert len(shown) == 1
