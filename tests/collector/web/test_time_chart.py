"""Where a chart puts things: what is drawn must be what was measured."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.ports import SamplePoint
from collector.web.time_chart import (
    PLOT_HEIGHT,
    PLOT_TOP,
    ChartData,
    Mark,
    Stripe,
    TimeChart,
    nice_scale,
    time_chart,
)

MONDAY = datetime(2026, 9, 6, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHINA = ZoneInfo("Asia/Shanghai")


def sample(hour: float, value: float, group: str = "a", **changes: object) -> SamplePoint:
    """Return a single sample so many hours after Monday's local midnight."""
    at = MONDAY + hour * HOUR
    given: dict[str, object] = {"void": False, "limited_by_cause": {}, **changes}
    return SamplePoint(group, at, at, value, value, value, value, 1, **given)  # type: ignore[arg-type]


def stretch(hour: float, low: float, middle: float, high: float) -> SamplePoint:
    """Return an hour of samples."""
    at = MONDAY + hour * HOUR
    return SamplePoint(
        "a", at, at + HOUR, low, middle, high, middle, 60, void=False, limited_by_cause={}
    )


def drawn(points: Sequence[SamplePoint], **changes: object) -> TimeChart:
    """Draw a day."""
    data = ChartData(MONDAY, MONDAY + 24 * HOUR, points, 24, **changes)  # type: ignore[arg-type]
    return time_chart(data, CHINA, lambda number: f"{number:g}", lambda _: "")


def test_a_sample_stands_at_its_time_and_height() -> None:
    """A quarter of the day is a quarter of the width; half the axis is half the height."""
    chart = drawn([sample(6, 500)], threshold=900)
    assert chart.heights[-1].text == "1000"
    assert (chart.dots[0].x, chart.dots[0].y) == ("25.000%", f"{PLOT_TOP + PLOT_HEIGHT / 2:.1f}")
    assert chart.threshold_y == f"{PLOT_TOP + PLOT_HEIGHT * 0.1:.1f}"


def test_limited_and_void_samples_are_marked_and_the_line_itself_is_none() -> None:
    """A test that the line limited is what the line gives; the others must not look like it."""
    chart = drawn(
        [
            sample(1, 480, limited_by_cause={"line": 1}),
            sample(2, 94, limited_by_cause={"nic": 1}),
            sample(3, 9000, limited_by_cause={"same_host": 1}, void=True),
        ]
    )
    assert [dot.kind for dot in chart.dots] == ["free", "limited", "void"]
    assert chart.curves == ()


def test_a_curve_breaks_where_nothing_was_measured() -> None:
    """A line across a silent week would claim measurements that nobody made."""
    joined = drawn([stretch(0, 1, 2, 3), stretch(1, 1, 2, 3), stretch(2, 1, 2, 3)])
    broken = drawn([stretch(0, 1, 2, 3), stretch(1, 1, 2, 3), stretch(12, 1, 2, 3)])
    assert joined.curves[0].line.count("M") == 1
    assert broken.curves[0].line.count("M") == 2
    assert broken.curves[0].band.count("Z") == 2


def test_an_outage_is_wide_enough_to_see() -> None:
    """Three minutes in a day are a fifth of a percent, which no printer draws."""
    short = Stripe("outage", MONDAY + HOUR, MONDAY + HOUR + timedelta(minutes=3), "why")
    hours = Stripe("hours", MONDAY + 8 * HOUR, MONDAY + 12 * HOUR)
    chart = drawn([sample(1, 1)], stripes=[hours, short])
    assert (chart.boxes[0].x, chart.boxes[0].width) == ("33.333%", "16.667%")
    assert float(chart.boxes[1].width.rstrip("%")) >= 0.25
    assert {"hours", "outage"} <= chart.kinds


def test_a_share_has_no_room_above_the_whole() -> None:
    """An axis up to 150 % invites the question what the rest would be."""
    assert drawn([sample(1, 1.0)], ceiling=1.0).heights[-1].text == "1"
    missed = Mark(MONDAY + 3 * HOUR, "busy")
    chart = drawn([sample(1, 1.0)], marks=[missed])
    assert [(mark.kind, mark.x) for mark in chart.marks] == [("missed", "12.500%")]


def test_days_are_local() -> None:
    """A school's Monday begins at its own midnight."""
    week = ChartData(MONDAY, MONDAY + 7 * 24 * HOUR, [], 24)
    chart = time_chart(week, CHINA, str, lambda _: "")
    assert [label.text for label in chart.times] == ["09-07", "09-09", "09-11", "09-13"]
    assert chart.times[0].place == "0.000%"


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_an_axis_holds_its_largest_value_in_few_round_steps(largest: float) -> None:
    """Nothing sticks out, and nobody has to read nine numbers."""
    top, step = nice_scale(largest)
    assert top >= largest * (1 - 1e-9)
    assert 1 <= top / step <= 5
    assert f"{step:.0e}"[0] in "125"


@pytest.mark.parametrize("largest", [0.0, -1.0])
def test_an_axis_without_values_still_has_a_length(largest: float) -> None:
    """A chart of zeros is drawn on the base line."""
    assert nice_scale(largest) == (1.0, 0.5)
