"""When measuring is allowed: by example, and for any pair of school and bureau."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.allowed_times import MAX_TIMES, AllowedTimes, Permission, Refusal, read_bureau_times

TIMES = AllowedTimes.read(
    windows=["07:00-12:00", "13:30-22:00"],
    holidays=["2026-12-31", "2027-01-25/2027-02-21"],
    exams=["2027-06-07T08:00/2027-06-09T18:30", "2027-06-20T00:00+00:00/2027-06-20T01:00+00:00"],
)


@pytest.mark.parametrize(
    ("beijing", "reason"),
    [
        ("2027-03-01T06:59:59", "schedule_window"),
        ("2027-03-01T07:00:00", None),
        ("2027-03-01T11:59:59", None),
        ("2027-03-01T12:00:00", "schedule_window"),
        ("2027-03-01T21:59:59", None),
        ("2027-03-01T22:00:00", "schedule_window"),
        ("2026-12-31T09:00:00", "schedule_holiday"),
        ("2027-01-01T09:00:00", None),
        ("2027-01-25T00:00:00", "schedule_holiday"),
        ("2027-02-21T23:59:59", "schedule_holiday"),
        ("2027-02-22T09:00:00", None),
        ("2027-06-07T07:59:59", None),
        ("2027-06-08T03:00:00", "schedule_exam"),
        ("2027-06-09T18:30:00", None),
        ("2027-06-20T08:30:00", "schedule_exam"),
    ],
)
def test_times_by_example(beijing: str, reason: str | None) -> None:
    """Every edge of windows, holidays and examinations, in Beijing time."""
    moment = datetime.fromisoformat(f"{beijing}+08:00")
    assert TIMES.refusal(moment) == reason
    assert TIMES.refusal(moment.astimezone(UTC)) == reason


def test_nothing_set_allows_everything() -> None:
    """Without settings, and with a bureau that says nothing, measuring is never refused."""
    now = datetime(2027, 6, 8, 4, tzinfo=UTC)
    assert Permission(AllowedTimes(), lambda: read_bureau_times({}), lambda: now).refusal() is None


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"windows": ["22:00-07:00"]}, "must end after it begins"),
        ({"windows": ["morning"]}, "windows: 'morning'"),
        ({"windows": ["07:00"]}, "windows: '07:00'"),
        ({"holidays": ["2027-02-30"]}, "holidays: '2027-02-30'"),
        ({"holidays": ["2027-02-02/2027-02-01"]}, "must end after it begins"),
        ({"exams": ["2027-06-07T08:00"]}, "exams: '2027-06-07T08:00'"),
        ({"utc_offset_hours": 80}, "within -14 and 14"),
        ({"holidays": ["2027-02-02"] * (MAX_TIMES + 1)}, "at most 1000"),
    ],
)
def test_wrong_texts_are_named(texts: dict[str, Any], complaint: str) -> None:
    """A time that cannot be read is refused with its key and text."""
    with pytest.raises(ValueError, match=complaint):
        AllowedTimes.read(**texts)


@pytest.mark.parametrize(
    "answer", [{"schedule": 3}, {"schedule": {"exams": "soon"}}, {"schedule": {"windows": [7]}}]
)
def test_nonsense_of_the_bureau_is_an_error(answer: dict[str, Any]) -> None:
    """What is no schedule raises ValueError, so that what was known before stays."""
    with pytest.raises(ValueError, match="schedule"):
        read_bureau_times(answer)


def pairs(values: st.SearchStrategy[Any], join: str) -> st.SearchStrategy[list[str]]:
    """Return lists of texts FROM, join, UNTIL."""
    ordered = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    return st.lists(ordered.map(lambda pair: join.join(v.isoformat() for v in pair)), max_size=3)


near = st.dates(date(2027, 6, 1), date(2027, 6, 12))
instants = st.datetimes(datetime(2027, 6, 1), datetime(2027, 6, 12))  # noqa: DTZ001 - local
schedules = st.fixed_dictionaries(
    {
        "windows": pairs(st.times().map(lambda t: time(t.hour, t.minute)), "-"),
        "holidays": pairs(near, "/"),
        "exams": pairs(instants, "/"),
    }
)


@given(schedules, schedules, instants)
def test_the_bureau_can_only_narrow(
    school: dict[str, list[str]], bureau: dict[str, list[str]], moment: datetime
) -> None:
    """For any two schedules: what both together allow is allowed by each, and nothing else is."""
    now = moment.replace(tzinfo=UTC)
    own, theirs = AllowedTimes.read(**school), read_bureau_times({"schedule": bureau})
    refusal = Permission(own, lambda: theirs, lambda: now).refusal()
    allowed_by_both = own.refusal(now) is None and theirs.refusal(now) is None
    assert (refusal is None) == allowed_by_both
    if own.refusal(now) is not None:
        assert refusal == Refusal(str(own.refusal(now)), "school")
