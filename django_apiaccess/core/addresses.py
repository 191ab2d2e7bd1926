"""IP addresses and networks as the restrictions of a credential use them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


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


def contains(networks: tuple[IPNetwork, ...], address: IPAddress) -> bool:
    """Whether any of `networks` holds `address`."""
    return any(address.version == network.version and address in network for network in networks)
