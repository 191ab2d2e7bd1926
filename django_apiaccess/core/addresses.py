"""IP addresses and networks as the restrictions of a credential use them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
ALL_FOUR: Final = ipaddress.IPv4Network("0.0.0.0/0")
GLOBAL_SIX: Final = ipaddress.IPv6Network("2000::/3")


@lru_cache(maxsize=1024)
def parse_address(text: str) -> IPAddress | None:
    """The address in `text`, an IPv4-mapped IPv6 address as IPv4; None when it is none. A zone id is dropped."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=1024)
def normal_address(text: str) -> str | None:
    """The address in `text` in its one normal form; None when it is none."""
    address = parse_address(text)
    return None if address is None else str(address)


def parse_network(text: str) -> IPNetwork:
    """The network in CIDR form; a single address is a network of one. Raises `ValueError` that says how to write it."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a network: write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.") from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        return ipaddress.ip_network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


@lru_cache(maxsize=1024)
def parse_networks(text: str) -> tuple[IPNetwork, ...]:
    """The networks in a space-separated list. Raises `ValueError`."""
    return tuple(parse_network(part) for part in text.split())


def is_no_bound(networks: tuple[IPNetwork, ...]) -> bool:
    """Whether they hold at least half of all IPv4 addresses, or of all IPv6 addresses that are in use (2000::/3, RFC 4291 section 2.4)."""
    four = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    held_four = sum(network.num_addresses for network in ipaddress.collapse_addresses(four))
    inside = [
        GLOBAL_SIX if GLOBAL_SIX.subnet_of(network) else network for network in six if GLOBAL_SIX.overlaps(network)
    ]
    held_six = sum(network.num_addresses for network in ipaddress.collapse_addresses(inside))
    return 2 * held_four >= ALL_FOUR.num_addresses or 2 * held_six >= GLOBAL_SIX.num_addresses


def contains(networks: tuple[IPNetwork, ...], address: IPAddress) -> bool:
    """Whether any of `networks` holds `address`."""
    return any(address.version == network.version and address in network for network in networks)
