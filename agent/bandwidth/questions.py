"""Asking what `challenge` judges: the same transfer with other connections, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.bandwidth import challenge
from agent.bandwidth.leg import Leg, own_wait, was_full
from agent.bandwidth.verdict import LATE, was_busy_before

Ask = Callable[[Leg, Mapping[str | None, int]], Leg | None]
"""Repeats a transfer with so many connections from each address; None where that may not be."""
Listen = Callable[[Leg], list[float]]
"""Returns round-trip times (s) without own traffic, after this transfer's queue has drained."""


class Questions:
    """What was asked: `legs`, led by the first transfer, and the names of the others in `asked`."""

    def __init__(self, first: Leg, ask: Ask, listen: Listen) -> None:
        self._ask = ask
        self._listen = listen
        self.legs = [first]
        self.asked: list[str] = []
        self.unanswered: list[str] = []
        """What was to be asked and could not be: then nothing is proved."""

    def find(self, second_source: str | None, idle_rtt_s: float) -> challenge.Finding | None:
        """Return what held the rate back; None where nothing speaks against the line.

        `idle_rtt_s` is the shortest round trip before the first transfer. Others that kept the
        line full then make room for many new connections within seconds, and a repeated transfer
        meets an emptier queue than the "idle" line had.
        """
        found = self._by_rate(second_source)
        if found is not None and found.cause not in ("unstable", "cross_traffic"):
            return found
        loaded_s = [rtt_s for leg in self.legs for rtt_s in leg.done.pings_s]
        if loaded_s and was_busy_before(idle_rtt_s, min(loaded_s)):
            # The kernel timed the idle line's handshakes: a late process cannot lengthen them.
            return challenge.Finding("cross_traffic")
        if found is None or found.cause == "unstable":
            quiet_s = self._listen(self.legs[-1])
            if challenge.queue_of_others(quiet_s, min([idle_rtt_s, *loaded_s, *quiet_s])):
                found = challenge.Finding("cross_traffic")
        if found is not None and found.cause == "cross_traffic" and self._is_late():
            # Two connections that move little, and slow answers, may be this host's doing.
            return challenge.Finding("host_cpu")
        return found

    def _is_late(self) -> bool:
        return any((own_wait(leg) or 0.0) > LATE for leg in self.legs)

    def _by_rate(self, second_source: str | None) -> challenge.Finding | None:
        load = _load(self.legs[0])
        count = load.connections
        more = self._repeat("more", {None: challenge.more_connections(count)})
        few = self._repeat("few", {None: challenge.FEW_CONNECTIONS})
        found = challenge.by_connections(load, more, few)
        if found is not None:
            return found
        if second_source is None:
            return None
        other = self._repeat("address", {None: count, second_source: count})
        if other and challenge.rises(load, other):
            again = self._repeat("again", {None: count})
            return challenge.by_addresses(load, again) if again else None
        return None

    def _repeat(self, name: str, connections: Mapping[str | None, int]) -> challenge.Load | None:
        moved = self._ask(self.legs[0], connections)
        if moved is None:
            self.unanswered.append(name)
            return None
        self.legs.append(moved)
        self.asked.append(name)
        return _load(moved)


def _load(moved: Leg) -> challenge.Load:
    full = was_full(moved) is not False
    steady = moved.steady
    return challenge.Load(steady.rate_bytes_s, moved.connections, full, steady.margin_ratio)
