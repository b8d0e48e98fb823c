"""Is it the line, or a rule? Pure rules over repeated transfers with other connections.

A full line carries the same however many connections share it and whatever address they come
from. So before a line is called the limit for the first time, the test is repeated with twice the
connections, with two, and, where the host has another address, with half of them from there. A
rate that changes was not the line's:

* more connections carry more and two carry little, each as fast as before: a limit for each
  **connection**;
* two connections carry less, but each more, and the line is full: they compete with **cross
  traffic**;
* only another address brings more, and without it the rate is as before: a limit per **address**;
* anything else: the rate changes by itself, it is **unstable**.

What rates do not show round trips may: a queue that stands before or after the test is not the
test's, so the line carries **cross traffic**. Competitors that gave way to many new connections are
found by that alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RISE = 1.05
"""A rate that is this much higher was held back before."""
SAME = 0.05
UNCHANGED = 1.12
"""Connections that get at most this much more with half as many beside them do not compete."""
FALL = 0.8
"""Two connections that carry less than this share of what many do leave something to others.

Beside one competing connection they get 0.75 of what eight get; on a line that drops instead of
queueing they may get 0.85 of it, for no other reason than that.
"""
FEW_CONNECTIONS = 2
QUEUE_SHARE, QUEUE_S = 0.2, 0.004
"""Three of four round trips take that much longer than the shortest only behind a queue: a busy
host delays some of them."""
MIN_PINGS = 8
MAX_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Load:
    """A transfer: its rate (any unit) and by how many connections it was moved.

    `is_full`: something on the path was, so that the connections did what they could. The rate is
    sure to `margin_ratio`: over a slow line a short transfer is rough.
    """

    rate: float
    connections: int
    is_full: bool = True
    margin_ratio: float = 0.0

    @property
    def each(self) -> float:
        """Mean rate of a connection."""
        return self.rate / self.connections


@dataclass(frozen=True, slots=True)
class Finding:
    """What held the rate back instead of the line. `per`: what a limit applies to."""

    cause: str
    per: str | None = None


def more_connections(connections: int) -> int:
    """Return how many to repeat a transfer with."""
    return min(2 * connections, MAX_CONNECTIONS)


def rises(before: Load, after: Load) -> bool:
    """Whether `after` shows that `before` was held back by something else than the line."""
    return after.rate * (1 - after.margin_ratio) >= RISE * before.rate


def by_connections(first: Load, more: Load | None, few: Load | None) -> Finding | None:
    """Say what other numbers of connections show; None where nothing speaks against the line.

    `few` has `FEW_CONNECTIONS`. What could not be asked is None and shows nothing.
    """
    rose = more is not None and rises(first, more)
    if rose and few is not None and few.each <= UNCHANGED * first.each:
        return Finding("per_ip_limit", "connection")
    if few is not None and few.is_full and few.rate <= FALL * first.rate:
        return Finding("cross_traffic")
    return Finding("unstable") if rose else None


def by_addresses(first: Load, again: Load) -> Finding:
    """Say what it was, after a second address brought more; `again` repeats `first`."""
    if abs(again.rate / first.rate - 1) <= SAME:
        return Finding("per_ip_limit", "address")
    return Finding("unstable")


def queue_of_others(quiet_s: Sequence[float], lowest_s: float) -> bool:
    """Whether round trips without own traffic waited in a queue.

    `lowest_s` is the shortest round trip ever seen on this path. Too few say nothing.
    """
    if len(quiet_s) < MIN_PINGS:
        return False
    quick_s = sorted(quiet_s)[len(quiet_s) // 4]
    return quick_s > lowest_s + max(QUEUE_SHARE * lowest_s, QUEUE_S)
