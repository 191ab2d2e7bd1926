"""Addresses and networks: IPv4, IPv6, mapped, and everything that is none."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.addresses import contains, parse_address, parse_network, parse_networks


def holds(networks, address):
    parsed = parse_address(address)
    assert parsed is not None
    return contains(parse_networks(networks), parsed)


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.0/24", "203.0.113.255", True),
        ("203.0.113.0/24", "203.0.114.0", False),
        ("203.0.113.77/24", "203.0.113.1", True),
        ("10.0.0.0/8 2001:db8::/32", "2001:db8:ffff::1", True),
        ("10.0.0.0/8 2001:db8::/32", "2001:db9::1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "11.1.2.3", False),
        ("0.0.0.0/0", "::1", False),
        ("::/0", "10.0.0.1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::1", "127.0.0.1", False),
        ("", "10.0.0.1", False),
    ],
)
def test_which_address_lies_in_which_network(networks, address, inside):
    assert holds(networks, address) is inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unknown",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4/32",
        "1.2.3.4:80",
        "::g",
        "[::1]",
        "0x7f000001",
        "2130706433",
        "１.2.3.4",
        "1.2.3.4\x00",
        "_hidden",
        "1.2.3.4,5.6.7.8",
    ],
)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


@pytest.mark.parametrize(
    "text",
    ["nonsense", "1.2.3.4/33", "2001:db8::/129", "1.2.3.4/-1", "1.2.3.4/", "/24", "10.0.0.0/255.0.255.0", "*", "10.*"],
)
def test_what_is_no_network_says_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"write 203\.0\.113\.7"):
        parse_network(text)


def test_a_network_wider_than_the_mapped_addresses_holds_none_of_them():
    assert not holds("::ffff:0:0/90", "::ffff:10.0.0.1")
    assert not holds("::/0", "::ffff:10.0.0.1")


@given(st.text(max_size=60))
def test_parsers_know_only_one_error(text):
    parse_address(text)
    for parse in (parse_network, parse_networks):
        with contextlib.suppress(ValueError):
            parse(text)


@given(st.ip_addresses())
def test_every_address_lies_in_its_own_network(address):
    assert holds(str(address), str(address))
