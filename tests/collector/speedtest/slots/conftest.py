"""A bureau with a real record store, and a clock that a test moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.domain import Agent, EnrolmentCode, Key, School, SchoolKind, Scope
from collector.errors import CollectorError
from collector.scoring.calendar import SchoolCalendar
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.storage.sql_records import SqlRecordStore, open_records

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - made up for this test
CHINA = ZoneInfo("Asia/Shanghai")
FRIDAY = date(2026, 11, 20)


def at(hour: int, minute: int = 0, day: date = FRIDAY) -> datetime:
    """Return an instant of a day in China."""
    return datetime.combine(day, time(hour, minute), CHINA).astimezone(UTC)


@dataclass
class Bureau:
    """A real record store with schools and agents, and a clock that a test moves."""

    records: SqlRecordStore
    now: datetime = field(default_factory=lambda: at(7))

    secret = SECRET

    @staticmethod
    def at(hour: int, minute: int = 0, day: date = FRIDAY) -> datetime:
        """Return an instant of a day in China."""
        return at(hour, minute, day)

    def clock(self) -> datetime:
        """Tell the time."""
        return self.now

    def enrol(self, school_id: str, heads: int | None = None) -> None:
        """Add a school with an agent."""
        self.records.put_school(
            School(school_id, school_id, SchoolKind.GENERAL, students=heads, staff=0)
        )
        code = school_id.encode().ljust(32, b"\0")
        valid = self.now + timedelta(days=1)
        self.records.add_code(EnrolmentCode(code, school_id, self.now, valid, 1))
        agent = Agent(f"a-{school_id}", school_id, "host", "linux", self.now)
        key = Key(f"k-{school_id}", Scope.AGENT, bytes(32), self.now, school_id, agent.id)
        assert self.records.enrol(code, agent, key, self.now)

    def book(self, servers: int = 1, ports: tuple[float, ...] = (), **rules: Any) -> SlotBook:
        """Return the slots of a collector that starts now."""
        listed = [
            SlotServer(
                f"http://10.0.0.{n}:8989", f"s{n}", SECRET, ports[n] if n < len(ports) else None
            )
            for n in range(servers)
        ]
        return SlotBook(listed, SlotRules(**rules), self.records, SchoolCalendar(), self.clock)

    def refusal(self, book: SlotBook, school_id: str, **asked: Any) -> CollectorError:
        """Return the error that a school gets."""
        with pytest.raises(CollectorError) as caught:
            book.grant(school_id, **asked)
        return caught.value

    def come_for(self, book: SlotBook, school_id: str) -> None:
        """Move the clock to the school's next planned test."""
        planned = book.next_test(school_id, None).planned_at
        assert planned is not None
        self.now = planned.astimezone(UTC)


@pytest.fixture(scope="session")
def bureau_at(migrated: Path) -> Callable[[Path, datetime], Bureau]:
    """Return a function that makes an empty bureau in a folder at a time."""

    def make(folder: Path, now: datetime) -> Bureau:
        shutil.copyfile(migrated, folder / "records.sqlite3")
        return Bureau(open_records(f"sqlite:///{folder / 'records.sqlite3'}", lambda _: None), now)

    return make


@pytest.fixture
def bureau(tmp_path: Path, migrated: Path) -> Iterator[Bureau]:
    """Yield a bureau with two schools at seven on a Friday morning."""
    shutil.copyfile(migrated, tmp_path / "records.sqlite3")
    records = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    made = Bureau(records)
    made.enrol("zx-001")
    made.enrol("zx-002")
    yield made
    records.close()
