"""Classroom displays over a day of lessons, asked for real on loopback addresses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.classroom_devices import ClassroomDevices, ClassroomDevicesSettings, report_day
from agent.reading import Outcome, Reading
from agent.sweep.room_days import RoomDay

CHINA = timezone(timedelta(hours=8))
MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=CHINA)
ON, OFF = "127.0.0.1", "255.255.255.255"
"""This host answers for a display that is on; to the other address no packet may leave."""
LESSONS = ("08:00-09:00",)


def inventory(folder: Path, **displays: str) -> Path:
    """Write the list: room -> `address,kind`."""
    path = folder / "devices.csv"
    rows = [f"{room}的一体机,{cells.replace(',', f',{room},')}" for room, cells in displays.items()]
    path.write_text("\n".join(["服务器,192.0.2.9", *rows]), encoding="utf-8-sig")
    return path


def look(folder: Path, moment: datetime, **more: object) -> list[Reading]:
    """Run the probe once at a moment."""
    settings = ClassroomDevicesSettings(
        inventory_file=folder / "devices.csv",
        lessons=LESSONS,
        tcp_ports=(9,),
        **more,  # type: ignore[arg-type]  # by name
    )
    context = Context(now=lambda: moment, state_dir=folder)
    return list(ClassroomDevices().collect(settings, context))


def test_looks_become_a_day(tmp_path: Path) -> None:
    """Two real looks ten minutes apart, then the day's end: used for ten minutes or not at all."""
    inventory(tmp_path, r301=f"{ON},display", r302=f"{OFF},smart_display")
    first = look(tmp_path, MORNING, least_minutes=10)
    assert first[0].values == {"rooms_count": 2, "rooms_on_count": 1}
    look(tmp_path, MORNING + timedelta(minutes=10), least_minutes=10)
    assert look(tmp_path, MORNING - timedelta(hours=1, minutes=10) + timedelta(days=1)) != []
    assert look(tmp_path, MORNING - timedelta(hours=1) + timedelta(days=1)) == []


def day(minutes: Iterable[int], on: Iterable[int]) -> dict[str, Reading]:
    """Note looks at these minutes; room 301 is on at some. Report after the lessons."""
    noted: RoomDay | None = None
    during = set(on)
    for minute in minutes:
        moment = MORNING + timedelta(minutes=minute)
        noted = noted or RoomDay(moment)
        rooms = frozenset({"301"}) if minute in during else frozenset()
        noted.note(moment, ["301", "302"], rooms)
    assert noted is not None
    settings = ClassroomDevicesSettings(lessons=LESSONS)
    kinds = {"301": "multimedia", "302": "smart"}
    return {one.target: one for one in report_day(noted, kinds, settings)}


def test_a_lesson_of_use_counts_and_a_glimpse_does_not() -> None:
    """Fifteen minutes in a row of looks are use; ten are not, on a day that was watched."""
    watched = range(0, 60, 5)
    assert day(watched, [10, 15, 20, 25])["301"].values == {"used_in_day": 1}
    found = day(watched, [10, 15, 20])
    assert {room: one.values for room, one in found.items()} == {
        "301": {"used_in_day": 0},
        "302": {"used_in_day": 0},
    }
    assert found["302"].labels == {"room_kind": "smart"}
    assert found["301"].time == MORNING + timedelta(minutes=55)


def test_a_day_hardly_watched_proves_use_and_nothing_else() -> None:
    """The agent's host was off for most of it: used is used, the other room is unknown."""
    found = day([0, 5, 10, 15, 50, 55], [0, 5, 10, 15, 50])
    assert found["301"].values == {"used_in_day": 1}
    assert found["301"].details["on_min"] == 15
    assert (found["302"].outcome, found["302"].reason) == (
        Outcome.FAILED, "classroom_day_not_watched",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"tv,{ON},,display", "classroom_device_incomplete"),
        ("tv,aa:bb:cc:dd:ee:ff,301,display", "classroom_device_incomplete"),
        (f"pc,{ON},301,computer", "classroom_devices_none"),
        ("tv", "inventory_unreadable"),
    ],
)
def test_a_list_that_cannot_be_asked(tmp_path: Path, row: str, reason: str) -> None:
    """The list says what is missing, by name, before anything is sent."""
    (tmp_path / "devices.csv").write_text(row)
    with pytest.raises(ProbeError, match=reason):
        look(tmp_path, MORNING)
