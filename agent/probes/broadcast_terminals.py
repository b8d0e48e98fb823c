"""Probe `broadcast_terminals`: which public-address and campus television terminals answer.

What: every half hour each terminal on the inventory is asked: those of a SIP system by SIP OPTIONS,
the others by ARP, ICMP or TCP.

Rights: none. With CAP_NET_RAW terminals on this host's own subnet are asked by ARP.

Settings: `inventory_file`, that of `endpoint_sweep` with the kind in the fourth cell, such as
`name,192.168.1.9,301,broadcast`: `broadcast` (a terminal of any make), `sip_broadcast` (one that
speaks SIP), `campus_tv`; IPv4 addresses, because there may be a router between; `sip_port`;
`tcp_ports` as in the sweep.

Metrics: see `BroadcastTerminals.metrics`. The target is the terminal's name.

What makes it invalid: a terminal that answers may still be mute, since nobody listens to its
loudspeaker; zones and schedules of the system are a person's to look at. An amplifier behind one
terminal is not seen. When none of several terminals answers, the way there is in doubt and nothing
is said of any (`broadcast_all_silent`).

Evidence kept: the way of asking, the room. No address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading

if TYPE_CHECKING:
    from agent.sweep.inventory import Device

NOT_NAMED = "broadcast_terminals_not_named"
SIP_KIND = "sip_broadcast"
KINDS = {"broadcast": "broadcast", SIP_KIND: "broadcast", "campus_tv": "campus_tv"}
"""Kind on the inventory -> the label `kind` of its readings."""
TERMINALS_MAX = 2000


@dataclass(frozen=True, kw_only=True)
class BroadcastTerminalsSettings:
    """See the module's text."""

    inventory_file: Path | None = None
    sip_port: int = 5060
    tcp_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.sip_port < 65536:
            raise ValueError("sip_port must be between 1 and 65535")
        if len(self.tcp_ports) > 16 or not all(0 < port < 65536 for port in self.tcp_ports):
            raise ValueError("tcp_ports must be at most 16 ports between 1 and 65535")


class BroadcastTerminals(Probe[BroadcastTerminalsSettings]):
    """Terminals of the public-address system and of campus television."""

    name = "broadcast_terminals"
    title = "广播与电视终端"
    interval_s = 1800.0
    timeout_s = 240.0
    cost = Cost.HEAVY
    settings_type = BroadcastTerminalsSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("online", "bool", "Whether the terminal answers: 1 yes, 0 no"),
    )

    def idle_reason(self, settings: BroadcastTerminalsSettings) -> str | None:
        """Without a list there is nothing to ask."""
        return None if settings.inventory_file else NOT_NAMED

    def collect(self, settings: BroadcastTerminalsSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per terminal. Raises ProbeError."""
        from agent.sweep.listed import ask_listed
        from agent.sweep.sip import ask_by_sip

        if settings.inventory_file is None:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        terminals = read_terminals(settings.inventory_file)
        by_sip = [one.key for one in terminals if one.kind == SIP_KIND]
        speaking = ask_by_sip(by_sip, settings.sip_port) if by_sip else set()
        others = [one.key for one in terminals if one.key not in speaking]
        there = ask_listed(others, settings.tcp_ports)
        yield from report(terminals, speaking, there, context)


def read_terminals(path: Path) -> list[Device]:
    """Return the terminals of the inventory. Raises ProbeError."""
    from agent.sweep.inventory import read_inventory

    try:
        terminals = [one for one in read_inventory(path) if one.kind in KINDS]
    except (OSError, ValueError) as error:
        raise ProbeError("inventory_unreadable", str(error)[:300]) from error
    wrong = [one.name for one in terminals if not _is_address(one.key)]
    if wrong:
        raise ProbeError("broadcast_terminal_incomplete", ", ".join(wrong[:20]))
    names = [one.name for one in terminals]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProbeError("broadcast_terminal_twice", ", ".join(twice[:20]))
    if not 0 < len(terminals) <= TERMINALS_MAX:
        raise ProbeError("broadcast_terminals_none", f"{path}: {len(terminals)}")
    return terminals


def _is_address(key: str) -> bool:
    try:
        ipaddress.IPv4Address(key)
    except ValueError:
        return False
    return True


def report(
    terminals: Sequence[Device], speaking: set[str], there: set[str], context: Context
) -> Iterable[Reading]:
    """Yield one reading per terminal from the addresses that spoke SIP and that answered. Pure."""
    are_silent = len(terminals) > 1 and not speaking and not there
    for one in terminals:
        is_sip = one.kind == SIP_KIND
        is_online = one.key in speaking or (not is_sip and one.key in there)
        reason = None
        if are_silent:
            reason = "broadcast_all_silent"
        elif not is_online:
            reason = "broadcast_sip_silent" if one.key in there else "broadcast_terminal_silent"
        yield Reading(
            probe=BroadcastTerminals.name,
            target=one.name,
            time=context.now(),
            outcome=Outcome.FAILED if are_silent else Outcome.OK,
            reason=reason,
            values={} if are_silent else {"online": float(is_online)},
            labels={"kind": KINDS[one.kind]},
            details={"way": "sip" if is_sip else "network", "room": one.room},
        )
