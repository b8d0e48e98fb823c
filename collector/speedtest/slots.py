"""Test slots: which school may use which measurement server when, and why not.

One school per server at a time, and a daily amount of data per school. Pure but for the injected
clock; kept in memory: a restart of the collector forgets who was testing, and the measurement
server itself still lets only one test run.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from collector.errors import ConflictError, NotFoundError, TooManyError, UnavailableError
from collector.speedtest.tokens import Grant, sign

CHINA = timezone(timedelta(hours=8))
"""A budget day starts at midnight in China, which has had no daylight saving since 1991."""
MAX_SCHOOLS = 10_000


class Purpose(StrEnum):
    """What a slot is for."""

    OUTLET_BANDWIDTH = "outlet_bandwidth"


@dataclass(frozen=True, slots=True)
class SlotServer:
    """A measurement server that slots are given for; `secret` is the content of its token file."""

    url: str
    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SlotRules:
    """Bounds of one slot and of one school's day."""

    max_seconds: float = 45.0
    max_bytes: int = 3_000_000_000
    daily_bytes: int = 20_000_000_000
    token_valid_s: float = 30.0
    """A slot that is not used by then is free again."""


@dataclass(frozen=True, slots=True)
class GrantedSlot:
    """What the agent gets. `token` is a secret, good for one session."""

    id: str
    server: str
    token: str = field(repr=False)
    expires_at: datetime
    max_seconds: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a school got no slot."""

    at: datetime
    reason: str
    retry_after_s: int


@dataclass(slots=True)
class _Held:
    id: str
    school_id: str
    since: datetime
    free_at_s: float
    reserved_bytes: int


@dataclass(slots=True)
class SchoolDay:
    """What one school used today, and why it last got no slot."""

    day: str
    granted: int = 0
    used_bytes: int = 0
    last_granted_at: datetime | None = None
    last_refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server as the state page shows it."""

    url: str
    name: str
    school_id: str | None
    since: datetime | None


class SlotBook:
    """Grants and releases slots. Thread-safe; `now_s` is Unix time."""

    def __init__(
        self, servers: Sequence[SlotServer], rules: SlotRules, now_s: Callable[[], float]
    ) -> None:
        self._servers = tuple(servers)
        self._rules = rules
        self._now_s = now_s
        self._held: dict[str, _Held] = {}
        self._schools: OrderedDict[str, SchoolDay] = OrderedDict()
        self._lock = threading.Lock()

    def grant(self, school_id: str) -> GrantedSlot:
        """Return a slot on a free server.

        Raises UnavailableError slot_none_configured, TooManyError slot_budget_spent or
        ConflictError slot_busy, each with the time after which asking again makes sense.
        """
        with self._lock:
            now_s = self._now_s()
            school = self._school_today(school_id, now_s)
            if not self._servers:
                self._refuse(school, now_s, "slot_none_configured", 3600)
                raise UnavailableError(
                    "slot_none_configured",
                    "No measurement server is set up. The bureau starts one with "
                    "`campusgauge speedtest-server` and names it in the collector's settings.",
                    retry_after_s=3600,
                )
            if school.used_bytes + self._rules.max_bytes > self._rules.daily_bytes:
                wait_s = _seconds_to_midnight(now_s)
                self._refuse(school, now_s, "slot_budget_spent", wait_s)
                raise TooManyError(
                    "slot_budget_spent",
                    "The school's data for tests is used up for today; it is renewed at midnight.",
                    retry_after_s=wait_s,
                )
            self._free_expired(now_s)
            server = next((s for s in self._servers if s.url not in self._held), None)
            if server is None:
                first_free_s = min(held.free_at_s for held in self._held.values())
                wait_s = max(1, round(first_free_s - now_s) + 1)
                self._refuse(school, now_s, "slot_busy", wait_s)
                raise ConflictError(
                    "slot_busy",
                    "Another school is testing right now. Ask again after Retry-After seconds.",
                    retry_after_s=wait_s,
                )
            return self._hand_out(server, school_id, school, now_s)

    def release(self, slot_id: str, school_id: str, used_bytes: int) -> None:
        """Free a slot early and count what it really used. Raises NotFoundError."""
        with self._lock:
            now_s = self._now_s()
            for url, held in self._held.items():
                if held.id == slot_id and held.school_id == school_id:
                    school = self._school_today(school_id, now_s)
                    spared = held.reserved_bytes - min(used_bytes, held.reserved_bytes)
                    school.used_bytes = max(0, school.used_bytes - spared)
                    del self._held[url]
                    return
        raise NotFoundError("slot_unknown", "This slot is over; nothing is left to release.")

    def servers(self) -> list[ServerState]:
        """Return each server and who is testing on it."""
        with self._lock:
            self._free_expired(self._now_s())
            states = []
            for server in self._servers:
                held = self._held.get(server.url)
                states.append(
                    ServerState(
                        server.url,
                        server.name,
                        held.school_id if held else None,
                        held.since if held else None,
                    )
                )
            return states

    def schools(self) -> dict[str, SchoolDay]:
        """Return today's use of every school that asked today."""
        with self._lock:
            today = _day(self._now_s())
            return {key: school for key, school in self._schools.items() if school.day == today}

    def _hand_out(
        self, server: SlotServer, school_id: str, school: SchoolDay, now_s: float
    ) -> GrantedSlot:
        rules = self._rules
        expires_at_s = now_s + rules.token_valid_s
        grant = Grant(
            jti=secrets.token_hex(16),
            school_id=school_id,
            max_seconds=rules.max_seconds,
            max_bytes=rules.max_bytes,
            expires_at=expires_at_s,
        )
        held = _Held(
            id=secrets.token_hex(8),
            school_id=school_id,
            since=_utc(now_s),
            free_at_s=expires_at_s + rules.max_seconds,
            reserved_bytes=rules.max_bytes,
        )
        self._held[server.url] = held
        school.granted += 1
        school.used_bytes += rules.max_bytes
        school.last_granted_at = held.since
        return GrantedSlot(
            held.id,
            server.url,
            sign(server.secret, grant, now_s),
            _utc(expires_at_s),
            rules.max_seconds,
            rules.max_bytes,
        )

    def _school_today(self, school_id: str, now_s: float) -> SchoolDay:
        today = _day(now_s)
        school = self._schools.get(school_id)
        if school is None or school.day != today:
            school = SchoolDay(today)
            self._schools[school_id] = school
        self._schools.move_to_end(school_id)
        while len(self._schools) > MAX_SCHOOLS:
            self._schools.popitem(last=False)
        return school

    def _refuse(self, school: SchoolDay, now_s: float, reason: str, wait_s: int) -> None:
        school.last_refusal = Refusal(_utc(now_s), reason, wait_s)

    def _free_expired(self, now_s: float) -> None:
        self._held = {url: held for url, held in self._held.items() if held.free_at_s > now_s}


def _utc(now_s: float) -> datetime:
    return datetime.fromtimestamp(now_s, UTC)


def _day(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, CHINA).date().isoformat()


def _seconds_to_midnight(now_s: float) -> int:
    now = datetime.fromtimestamp(now_s, CHINA)
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), CHINA)
    return round((midnight - now).total_seconds())
