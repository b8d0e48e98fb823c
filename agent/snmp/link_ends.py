"""Two ends, one link: a backbone link that both of its switches report is counted once.

Both ends are known where LLDP names the neighbour and its port and both switches are asked, or
where a person gave the ends the same name. The link then always carries the name of the same end,
also while the other switch is silent: which end it is, is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.reading import Reading
from agent.snmp.interfaces import Port
from agent.snmp.links import Neighbour
from agent.snmp.roles import Switch


@dataclass(frozen=True, slots=True)
class Seen:
    """One switch as it was read, as far as its links are concerned."""

    switch: Switch
    system_name: str
    ports: Mapping[int, Port]
    members: Mapping[int, Sequence[int]]
    neighbours: Sequence[Neighbour]

    def link_of(self, port: int) -> int:
        """Return the aggregation that a port is a member of, else the port itself."""
        return next((above for above, below in self.members.items() if port in below), port)

    def target(self, port: int) -> str:
        """Return what readings call the link of a port."""
        return f"{self.switch.name}/{self.ports[self.link_of(port)].name}"


def match_ends(switches: Sequence[Seen]) -> dict[str, str]:
    """Return the target of each end that another end stands for -> that other end's. Pure."""
    by_system: dict[str, list[Seen]] = {}
    for seen in switches:
        by_system.setdefault(seen.system_name.casefold(), []).append(seen)
    other_name: dict[str, str] = {}
    for seen in switches:
        for neighbour in seen.neighbours:
            there = by_system.get(neighbour.system_name.casefold(), [])
            # Two switches of one name tell nothing apart.
            if neighbour.port is None or len(there) != 1 or not neighbour.system_name:
                continue
            far = next(
                (p for p in there[0].ports.values() if p.answers_to(neighbour.port_id)), None
            )
            if neighbour.port_id and far is not None and there[0] is not seen:
                ends = sorted([seen.target(neighbour.port), there[0].target(far.index)])
                other_name[ends[1]] = ends[0]
    return other_name


def named_ends(switches: Iterable[Switch]) -> dict[str, str]:
    """Return target -> `link/<name>` for the ends that a person named. Pure."""
    return {
        f"{switch.name}/{port}": f"link/{name}"
        for switch in switches
        for port, name in switch.links.items()
    }


def merge_ends(readings: Sequence[Reading], other_name: Mapping[str, str]) -> list[Reading]:
    """Return each link once, the slower end's reading where they differ. Pure."""
    kept: dict[str, Reading] = {}
    for reading in readings:
        target = other_name.get(reading.target, reading.target)
        if target != reading.target:
            details = {**reading.details, "read_at": reading.target}
            reading = replace(reading, target=target, details=details)
        before = kept.get(target)
        if before is None or _worth(reading) < _worth(before):
            kept[target] = reading
    return list(kept.values())


def _worth(reading: Reading) -> tuple[bool, float]:
    """Order readings of one link: those with a speed first, the slowest first of all."""
    speed = reading.values.get("speed_mbps", reading.values.get("up"))
    return (speed is None, speed or 0.0)


class KnownEnds:
    """Which end stands for which, kept over runs. A damaged file is begun anew."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._ends: dict[str, str] = {}
        if path is not None and path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))["ends"]
                self._ends = {str(k): str(v) for k, v in found.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                self._ends = {}

    def update(self, matched: Mapping[str, str], told: set[str]) -> dict[str, str]:
        """Note what was matched; forget an end whose both switches now tell otherwise.

        `told` are the names of the switches that answered. Raises OSError.
        """
        for end, other in list(self._ends.items()):
            answered = {end.partition("/")[0], other.partition("/")[0]} <= told
            if answered and matched.get(end) != other:
                del self._ends[end]
        self._ends.update(matched)
        if self._path is not None:
            new = self._path.with_suffix(".new")
            document = {"version": 1, "ends": self._ends}
            new.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
            new.replace(self._path)
        return dict(self._ends)
