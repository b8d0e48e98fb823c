"""Weeks of readings as an example school's agent would have sent them. Pure but for the numbers.

Only school hours are filled densely, for that is where indicators look; nights and weekends get a
reading every half hour, so that charts show a whole day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from collector.domain import Outcome, StoredReading
from collector.example.networks import Network

MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)
TESTS_PER_DAY = 6
OUTAGE = timedelta(minutes=14)


@dataclass(frozen=True, slots=True)
class Term:
    """The time to fill: hours of school in order, and all days; the last day is not over yet."""

    hours: Sequence[tuple[datetime, datetime]]
    days: Sequence[datetime]
    """Local midnights, in UTC."""

    def dense(self) -> Iterator[datetime]:
        """Yield every minute of school hours."""
        for start, stop in self.hours:
            moment = start
            while moment < stop:
                yield moment
                moment += MINUTE

    def sparse(self) -> Iterator[datetime]:
        """Yield every half hour outside school hours."""
        for day in self.days:
            for number in range(48):
                moment = day + number * HALF_HOUR
                if not any(start <= moment < stop for start, stop in self.hours):
                    yield moment


class Readings:
    """Makes the readings of one agent, numbered from 1 as an agent numbers them."""

    def __init__(self, network: Network, random: Random) -> None:
        self._network = network
        self._random = random
        self._sequence = 0

    def of_term(self, term: Term) -> Iterator[StoredReading]:
        """Yield the readings of a term, by kind; times within a kind rise."""
        yield from self._outlet_tests(term)
        yield from self._servers_and_outlet(term)
        yield from self._outlet_traffic(term)
        for day in term.days:
            yield from self._daily(day + timedelta(hours=10))
        yield from self._coverage(term.days[-2] + timedelta(hours=11))

    def _reading(
        self,
        probe: str,
        target: str,
        moment: datetime,
        values: Mapping[str, float],
        labels: Mapping[str, str] | None = None,
        limited_by: tuple[str, ...] = (),
    ) -> StoredReading:
        self._sequence += 1
        free = not limited_by or limited_by == ("line",)
        return StoredReading(
            sequence=self._sequence,
            probe=probe,
            target=target,
            time=moment,
            outcome=Outcome.OK if free else Outcome.LIMITED,
            reason=None if free else f"limited_by_{limited_by[0]}",
            values=values,
            labels=labels or {},
            limited_by=limited_by,
        )

    def _outlet_tests(self, term: Term) -> Iterator[StoredReading]:
        network, random = self._network, self._random
        line = network.contracted_mbps * network.delivered_ratio
        for start, stop in term.hours:
            for number in range(TESTS_PER_DAY // 2):
                moment = start + (stop - start) * (number + random.random()) / (TESTS_PER_DAY // 2)
                limited = random.random() < network.limited_ratio
                rate = min(line, 94.1) if limited else line * random.uniform(0.985, 1.0)
                yield self._reading(
                    "outlet_bandwidth",
                    "telecom",
                    moment,
                    {
                        "download_line_rate_mbps": round(rate, 2),
                        "download_goodput_mbps": round(rate * 0.949, 2),
                        "upload_line_rate_mbps": round(rate * 0.4, 2),
                    },
                    {"occasion": "planned"},
                    ("nic",) if limited else ("line",),
                )

    def _outlet_traffic(self, term: Term) -> Iterator[StoredReading]:
        """Yield what the outlet's port counted in the last five minutes of each half day."""
        network, random = self._network, self._random
        line = network.contracted_mbps * network.delivered_ratio
        for _, stop in term.hours:
            mean = line * random.uniform(0.2, 0.7)
            peak = min(line, mean * random.uniform(1.1, 1.6))
            yield self._reading(
                "wan_counters",
                "telecom",
                stop - MINUTE,
                {
                    "download_mbps": round(mean, 1),
                    "download_peak_mbps": round(peak, 1),
                    "port_speed_mbps": float(network.port_mbps),
                    "up": 1.0,
                },
            )

    def _servers_and_outlet(self, term: Term) -> Iterator[StoredReading]:
        network, random = self._network, self._random
        minutes = sum((stop - start) // MINUTE for start, stop in term.hours)
        outages = round(minutes * (1 - network.availability) / (OUTAGE // MINUTE))
        begins = sorted(random.choice(term.hours)[0] + HALF_HOUR for _ in range(outages))
        for moment in (*term.dense(), *term.sparse()):
            down = any(begin <= moment < begin + OUTAGE for begin in begins)
            reached: dict[str, float] = {"reachable": 0.0 if down else 1.0}
            if not down:
                reached["connect_ms"] = round(random.lognormvariate(2.0, 0.3), 1)
            yield self._reading("anchors", "outlet", moment, reached)
            yield self._reading(
                "server_headroom",
                "host",
                moment,
                {
                    "cpu_used_ratio": _around(network.cpu_used, 0.08, random),
                    "cpu_count": 8.0,
                    "memory_used_ratio": _around(network.memory_used, 0.03, random),
                    "memory_total_bytes": 32e9,
                    "disk_used_ratio": _around(network.disk_used, 0.005, random),
                    "disk_total_bytes": 2e12,
                },
            )

    def _daily(self, moment: datetime) -> Iterator[StoredReading]:
        network = self._network
        for number in range(network.backbone_links):
            yield self._reading(
                "switch_links",
                f"core/{number + 1}",
                moment,
                {"speed_mbps": float(network.backbone_mbps), "up": 1.0},
                {"role": "backbone", "building": f"{number + 1}号楼"},
            )
        yield self._reading(
            "switch_links", "wan/1", moment, {"speed_mbps": float(network.port_mbps), "up": 1.0},
            {"role": "uplink"},
        )  # fmt: skip
        total = network.storage_bytes
        yield self._reading(
            "storage_volumes",
            "volume-1",
            moment,
            {"total_bytes": total * 1.6, "used_bytes": total * 0.6, "usable_bytes": total},
            {"purpose": "files"},
        )

    def _coverage(self, moment: datetime) -> Iterator[StoredReading]:
        network = self._network
        for number in range(network.survey_points):
            covered = self._random.random() < network.coverage
            yield self._reading(
                "wireless_survey",
                f"1号楼/{number + 1:03d}",
                moment + number * MINUTE,
                {"covered": float(covered), "rssi_dbm": -58.0 if covered else -81.0},
                {"building": "1号楼"},
            )


def _around(mean: float, spread: float, random: Random) -> float:
    return round(min(1.0, max(0.0, random.gauss(mean, spread))), 4)
