"""What an agent is told of examinations and holidays, read by the agent's own reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.allowed_times import AllowedTimes, read_bureau_times
from collector.domain import SlotPause


def times_of(county: Any) -> AllowedTimes:
    """Ask with the agent's key and read the answer as the agent does."""
    headers = {"Authorization": f"Bearer {county.keys['agent']}"}
    answer = county.client.get("/api/v1/agent/settings", headers=headers)
    assert answer.status_code == 200, answer.text
    return read_bureau_times(answer.json())


def pause(county: Any, school_id: str | None, hours: tuple[int, int]) -> int:
    """Declare an examination some hours from now."""
    now = datetime.now(UTC)
    since, until = (now + timedelta(hours=n) for n in hours)
    number: int = county.records.add_slot_pause(
        SlotPause(since, until, "中考", "bureau", now, school_id)
    )
    return number


def test_examinations_of_the_county_and_the_school_are_told(county: Any) -> None:
    """An agent hears of what concerns it, not of other schools', and of an early end."""
    pause(county, None, (1, 3))
    own = pause(county, "zx-001", (5, 7))
    pause(county, "zx-002", (9, 11))
    now = datetime.now(UTC)
    expected = {0: None, 2: "schedule_exam", 6: "schedule_exam", 10: None}
    times = AllowedTimes(exams=times_of(county).exams)
    assert {n: times.refusal(now + timedelta(hours=n)) for n in expected} == expected
    assert county.records.end_slot_pause(own, now)
    times = AllowedTimes(exams=times_of(county).exams)
    assert times.refusal(now + timedelta(hours=6)) is None
    assert times.refusal(now + timedelta(hours=2)) == "schedule_exam"


def test_holidays_ahead_are_told(county: Any) -> None:
    """What the calendar has for the coming months arrives as days."""
    today = datetime.now(UTC).date()
    free = (today + timedelta(days=3), today + timedelta(days=5))
    asked = []

    def holidays(since: Any, until: Any) -> list[Any]:
        asked.append((since, until))
        return [free]

    county.app.state.public_holidays = holidays
    assert times_of(county).holidays == (free,)
    assert asked[0][0] < today < today + timedelta(days=60) < asked[0][1]


def test_a_table_of_the_bureau_reaches_agents(county: Any) -> None:
    """Holidays that this release does not know keep probes off the line all the same."""
    year = datetime.now(UTC).year
    folder = county.app.state.settings.holidays_folder
    folder.mkdir()
    every = [f"{{name: h{m}, off: [{year}-{m:02}-01, {year}-{m:02}-05]}}" for m in range(1, 13)]
    rows = "\n".join(f"  - {row}" for row in every)
    text = f"year: {year}\nsource: s\nholidays:\n{rows}\n".replace("-12-05", "-12-31")
    text = text.replace(f"{year}-12-01", f"{year}-12-20")
    (folder / f"{year}.yaml").write_text(text, encoding="utf-8")
    months = {first.month for first, _ in times_of(county).holidays}
    today = datetime.now(UTC).date()
    due = {day.month for n in range(60) if (day := today + timedelta(days=n)).year == year}
    assert months >= {month for month in due if month > today.month}
