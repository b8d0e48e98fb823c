"""Asks the addresses of a list, wherever they are, each in the best way that is allowed here."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import psutil

from agent.sweep.ask import (
    TCP_PORTS,
    Answers,
    Attachment,
    ask_by_arp,
    ask_by_icmp,
    ask_by_neighbours,
    ask_by_tcp,
)


def attachment(network: ipaddress.IPv4Network) -> Attachment | None:
    """Return the interface of this host that is on the network, None where a router is between."""
    for name, addresses in psutil.net_if_addrs().items():
        hardware = next((a.address for a in addresses if a.family == psutil.AF_LINK), "")
        for one in addresses:
            if one.netmask is None or "." not in one.address or not hardware:
                continue
            attached = ipaddress.IPv4Network(f"{one.address}/{one.netmask}", strict=False)
            if network.subnet_of(attached):
                return Attachment(name, one.address, hardware.replace("-", ":").lower())
    return None


def ask_attached(addresses: Sequence[str], own: Attachment) -> tuple[Answers, str]:
    """Ask addresses of a network that this host is on; return the answers and the way."""
    others = [one for one in addresses if one != own.address]
    here = {own.address: own.hardware}
    try:
        return {**ask_by_arp(others, own), **here}, "arp"
    except (OSError, AttributeError):  # no CAP_NET_RAW; Windows has no such sockets
        return {**ask_by_neighbours(others), **here}, "neighbours"


def ask_routed(addresses: Sequence[str], ports: Sequence[int]) -> tuple[Answers, str]:
    """Ask addresses behind a router; return the answers and the way."""
    try:
        return ask_by_icmp(addresses), "icmp"
    except PermissionError:
        return ask_by_tcp(addresses, ports or TCP_PORTS), "tcp"


def ask_listed(addresses: Sequence[str], ports: Sequence[int]) -> set[str]:
    """Return those of the addresses that answer.

    Behind a router, whoever answers no echo is asked by TCP: many a desktop's firewall drops echo.
    """
    near: dict[Attachment, list[str]] = {}
    far: list[str] = []
    for address in addresses:
        own = attachment(ipaddress.IPv4Network(address))
        far.append(address) if own is None else near.setdefault(own, []).append(address)
    found: set[str] = set()
    for own, attached in near.items():
        found |= ask_attached(attached, own)[0].keys()
    if far:
        found |= ask_routed(far, ports)[0].keys()
        silent = [one for one in far if one not in found]
        found |= ask_by_tcp(silent, ports or TCP_PORTS).keys() if silent else set()
    return found & set(addresses)
