"""Which subnets may be swept: named by the school, private, and no larger than a /20. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

SHORTEST_PREFIX = 20
ADDRESSES_MAX = 8192
"""Of all subnets together; a sweep of so many takes half a minute."""
_PRIVATE = tuple(
    map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
"""RFC 1918 and RFC 6598."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A named subnet."""

    name: str
    network: ipaddress.IPv4Network

    def addresses(self) -> list[str]:
        """Return the host addresses, first to last."""
        return [str(address) for address in self.network.hosts()]


def parse_subnets(named: Mapping[str, str]) -> list[Subnet]:
    """Read name -> `192.168.1.0/24`. Raises ValueError for one that may not be swept."""
    subnets = [Subnet(name, _network(name, text)) for name, text in named.items()]
    total = sum(one.network.num_addresses for one in subnets)
    if total > ADDRESSES_MAX:
        raise ValueError(f"subnets hold {total} addresses, more than {ADDRESSES_MAX}")
    for index, one in enumerate(subnets):
        for other in subnets[:index]:
            if one.network.overlaps(other.network):
                raise ValueError(f"subnets {other.name} and {one.name} overlap")
    return subnets


def _network(name: str, text: str) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"subnet {name}: {error}; write it as 192.168.1.0/24") from error
    if network.prefixlen < SHORTEST_PREFIX:
        raise ValueError(f"subnet {name}: {text} is larger than a /{SHORTEST_PREFIX}; name parts")
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError(f"subnet {name}: {text} is no private network; only the school's own")
    return network
