"""From where a request comes: the peer, or what a trusted proxy says."""

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.authn.client import client_address, where_of

PROXIES = ["10.0.0.0/8", "2001:db8:ffff::/48"]


@pytest.fixture
def behind(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "TRUSTED_PROXIES": PROXIES}


def address(peer, forwarded=None):
    meta = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    return client_address(meta)


@pytest.mark.parametrize("forwarded", [None, "203.0.113.7", "127.0.0.1, 10.0.0.1", "garbage", ""])
def test_without_trusted_proxies_only_the_peer_counts(forwarded):
    assert address("198.51.100.9", forwarded) == "198.51.100.9"


@pytest.mark.parametrize(
    "header",
    ["HTTP_X_REAL_IP", "HTTP_CLIENT_IP", "HTTP_X_CLUSTER_CLIENT_IP", "HTTP_CF_CONNECTING_IP"],
)
def test_no_other_header_counts(behind, header):
    assert client_address({"REMOTE_ADDR": "10.0.0.1", header: "203.0.113.7"}) == "10.0.0.1"


def test_a_peer_that_is_no_proxy_may_forward_what_it_likes(behind):
    assert address("198.51.100.9", "203.0.113.7") == "198.51.100.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("10.9.9.9, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.2, 10.0.0.3", "203.0.113.7"),
        ("10.0.0.5, 10.0.0.6", "10.0.0.5"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 2001:db8:ffff::9", "203.0.113.7"),
        (" 203.0.113.7 ,, ", "203.0.113.7"),
        ("garbage, 203.0.113.7", "203.0.113.7"),
        ("", "10.0.0.1"),
        (" , ", "10.0.0.1"),
    ],
)
def test_behind_proxies_the_right_most_hop_that_is_none_counts(behind, forwarded, expected):
    assert address("10.0.0.1", forwarded) == expected


@pytest.mark.parametrize(
    "forwarded",
    [
        "garbage",
        "unknown",
        "203.0.113.7, unknown",
        "_hidden",
        "203.0.113.7:port",
        "203.0.113.999",
        "203.0.113.7, garbage, 10.0.0.2",
        "[",
        "[]:1",
        "::1]",
    ],
)
def test_a_hop_that_cannot_be_read_makes_the_address_unknown(behind, forwarded):
    assert address("10.0.0.1", forwarded) is None


@pytest.mark.parametrize("peer", ["", None, "unix:", "localhost"])
def test_a_peer_without_an_address_has_none(behind, peer):
    assert address(peer, "203.0.113.7") is None


@given(st.text(max_size=200))
def test_no_header_makes_it_fail(text):
    from django.test import override_settings

    with override_settings(API_ACCESS={"TRUSTED_PROXIES": PROXIES}):
        address("10.0.0.1", text)


def test_the_place_is_made_once_a_request_and_has_no_query_string():
    request = RequestFactory().get("/a/b/?token=secret", headers={"X-Request-ID": "abc-1"})
    where = where_of(request)
    assert where is where_of(request)
    assert (where.method, where.path, where.request_id, where.address) == ("GET", "/a/b/", "abc-1", "127.0.0.1")


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 65, "a\nb", "<script>", "é", "a;b"])
def test_a_request_id_that_could_do_harm_is_replaced(given_id):
    where = where_of(RequestFactory().get("/", HTTP_X_REQUEST_ID=given_id))
    assert where.request_id != given_id
    assert len(where.request_id) == 16
