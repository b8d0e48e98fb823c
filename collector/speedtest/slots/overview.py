"""What people see of the slots: per school how many tests ran, and why the others did not. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from pydantic import BaseModel, Field

from collector.domain import Occasion, SlotPause, SlotState, SlotTest
from collector.speedtest.slots.book import BookView


class RefusalOut(BaseModel):
    """Why a school last got no slot; `reason` is a code of the reason list."""

    at: datetime
    reason: str
    retry_after_s: float


class ServerOut(BaseModel):
    """One measurement server; `school_id` is null while it is free."""

    url: str
    name: str
    port_mbps: float | None
    school_id: str | None
    since: datetime | None
    planned_today: int


class PauseOut(BaseModel):
    """A time without tests; `school_id` null means the whole county."""

    id: int
    school_id: str | None
    since: datetime
    until: datetime
    note: str
    author: str

    @classmethod
    def of(cls, pause: SlotPause) -> PauseOut:
        """Show a pause."""
        return cls(
            id=pause.id,
            school_id=pause.school_id,
            since=pause.since,
            until=min(pause.until, pause.ended_at or pause.until),
            note=pause.note,
            author=pause.author,
        )


class TestOut(BaseModel):
    """One test. `reason` is why it was skipped, or has not run so far."""

    occasion: Occasion
    planned_at: datetime
    latest_at: datetime
    state: SlotState
    reason: str | None
    server: str
    started_at: datetime | None
    ended_at: datetime | None
    used_bytes: int | None

    @classmethod
    def of(cls, test: SlotTest) -> TestOut:
        """Show a test."""
        return cls(**{name: getattr(test, name) for name in cls.model_fields})


class SchoolSlotsOut(BaseModel):
    """One school's tests today. `skipped` counts planned tests by reason."""

    school_id: str
    planned: int = Field(description="Tests planned for today, run or not.")
    done: int
    open: int
    retests: int
    skipped: dict[str, int]
    used_bytes: int
    next_at: datetime | None
    last_refusal: RefusalOut | None


class SlotsOut(BaseModel):
    """Who is testing, what is planned today, and why others are not."""

    day: date | None
    wanted_per_school: int
    planned_per_school: int
    reason: str | None = Field(description="Why fewer tests than wanted could be planned.")
    servers: list[ServerOut]
    pauses: list[PauseOut]
    schools: list[SchoolSlotsOut]


class SchoolTestsOut(BaseModel):
    """One school's tests today in full."""

    summary: SchoolSlotsOut
    tests: list[TestOut]


def overview(view: BookView) -> SlotsOut:
    """Return the whole county's day."""
    by_school: dict[str, list[SlotTest]] = {school_id: [] for school_id in view.refused}
    for test in view.tests:
        by_school.setdefault(test.school_id, []).append(test)
    day = view.day
    return SlotsOut(
        day=day.day if day else None,
        wanted_per_school=day.wanted_per_school if day else 0,
        planned_per_school=day.planned_per_school if day else 0,
        reason=day.reason if day else "slot_none_configured",
        servers=_servers(view),
        pauses=[PauseOut.of(pause) for pause in view.pauses],
        schools=[_school(view, key, tests) for key, tests in sorted(by_school.items())],
    )


def school_tests(view: BookView, school_id: str) -> SchoolTestsOut:
    """Return one school's day."""
    tests = sorted(
        (test for test in view.tests if test.school_id == school_id), key=lambda t: t.planned_at
    )
    return SchoolTestsOut(
        summary=_school(view, school_id, tests), tests=[TestOut.of(test) for test in tests]
    )


def _servers(view: BookView) -> list[ServerOut]:
    running = {test.server: test for test in view.tests if test.state is SlotState.RUNNING}
    planned = Counter(test.server for test in view.tests if test.occasion is Occasion.PLANNED)
    return [
        ServerOut(
            url=server.url,
            name=server.name,
            port_mbps=server.port_mbps,
            school_id=running[server.url].school_id if server.url in running else None,
            since=running[server.url].started_at if server.url in running else None,
            planned_today=planned[server.url],
        )
        for server in view.servers
    ]


def _school(view: BookView, school_id: str, tests: Iterable[SlotTest]) -> SchoolSlotsOut:
    today = [test for test in tests if view.day is None or test.day == view.day.day]
    planned = [test for test in today if test.occasion is Occasion.PLANNED]
    states = Counter(test.state for test in planned)
    begun = [test for test in today if test.started_at is not None]
    refused = view.refused.get(school_id)
    return SchoolSlotsOut(
        school_id=school_id,
        planned=sum(bool(test.server) for test in planned),
        done=states[SlotState.DONE],
        open=states[SlotState.OPEN],
        retests=sum(test.occasion is Occasion.RETEST for test in begun),
        skipped=dict(
            Counter(test.reason or "" for test in planned if test.state is SlotState.SKIPPED)
        ),
        used_bytes=sum(
            test.reserved_bytes if test.used_bytes is None else test.used_bytes for test in begun
        ),
        next_at=min((t.planned_at for t in today if t.state is SlotState.OPEN), default=None),
        last_refusal=RefusalOut(at=refused.at, reason=refused.reason, retry_after_s=refused.wait_s)
        if refused
        else None,
    )
