"""Probe `classroom_devices`: in which rooms the display was on for a lesson's worth of time (Q15).

What: every five minutes of the lessons the displays on the inventory are asked; after the last
lesson one reading per room says whether one of them was on for at least `least_minutes` that day.

Rights: none. With CAP_NET_RAW displays on this host's own subnet are asked by ARP.

Settings: `inventory_file`, that of `endpoint_sweep` with room and kind, such as
`name,192.168.1.9,301,display` (`smart_display` in smart rooms; IPv4 addresses, because there may be
a router between); `lessons`, the local hours that count, and `utc_offset_hours`; `least_minutes`;
`tcp_ports` as in the sweep.

Metrics: see `ClassroomDevices.metrics`. The target is the room, and `rooms` for all at one look.

What makes it invalid: a display left on, or a network card that answers in standby, looks used, so
the share can only prove a failure. A display whose place another device took (a mirrored PC) looks
unused. A room not used by the end of a day that was watched for less than four fifths is unknown.

Evidence kept: minutes on, minutes watched, for each room and day. No address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.allowed_times import AllowedTimes
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading

if TYPE_CHECKING:
    from agent.sweep.inventory import Device
    from agent.sweep.room_days import RoomDay, Spans

NOT_NAMED = "classroom_devices_not_named"
KINDS = {"display": "multimedia", "smart_display": "smart"}
"""Kind of a device on the inventory -> kind of its room."""
WATCHED_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class ClassroomDevicesSettings:
    """See the module's text."""

    inventory_file: Path | None = None
    lessons: tuple[str, ...] = ("08:00-12:00", "14:00-17:30")
    utc_offset_hours: float = 8.0
    least_minutes: float = 15.0
    tcp_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.spans():
            raise ValueError("lessons must name at least one span, such as 08:00-12:00")
        if not 1 <= self.least_minutes <= 240:
            raise ValueError("least_minutes must be between 1 and 240")
        if len(self.tcp_ports) > 16 or not all(0 < port < 65536 for port in self.tcp_ports):
            raise ValueError("tcp_ports must be at most 16 ports between 1 and 65535")

    def spans(self) -> Spans:
        """Return the local hours of lessons. Raises ValueError naming the text that is wrong."""
        return AllowedTimes.read(self.lessons, utc_offset_hours=self.utc_offset_hours).windows


class ClassroomDevices(Probe[ClassroomDevicesSettings]):
    """Displays of classrooms, in lessons."""

    name = "classroom_devices"
    title = "教室设备使用"
    interval_s = 300.0
    timeout_s = 120.0
    cost = Cost.HEAVY
    settings_type = ClassroomDevicesSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("used_in_day", "bool", "Whether the room's display was on long enough: 1 yes, 0 no"),
        Metric("rooms_count", "count", "Rooms with a display on the inventory"),
        Metric("rooms_on_count", "count", "Rooms of them where a display answers now"),
    )

    def idle_reason(self, settings: ClassroomDevicesSettings) -> str | None:
        """Without a list there is no room to look at."""
        return None if settings.inventory_file else NOT_NAMED

    def collect(self, settings: ClassroomDevicesSettings, context: Context) -> Iterable[Reading]:
        """Yield a look in lessons, and the rooms of a day that is over. Raises ProbeError."""
        from agent.sweep.room_days import RoomDay, is_lesson, is_over, load_day, save_day

        if settings.inventory_file is None or context.state_dir is None:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        devices = read_displays(settings.inventory_file)
        rooms = _rooms_of(devices)
        zone = timezone(timedelta(hours=settings.utc_offset_hours))
        now = context.now().astimezone(zone)
        path = context.state_dir / "day.json"
        day = load_day(path)
        if day is not None and is_over(day, now, settings.spans()):
            yield from report_day(day, rooms, settings)
            day = None
        if is_lesson(now, settings.spans()):
            on = _rooms_on(devices, settings)
            day = day or RoomDay(now)
            day.note(now, rooms, on)
            yield _look(now, rooms, on)
        save_day(path, day)


def read_displays(path: Path) -> list[Device]:
    """Return the displays of the inventory. Raises ProbeError."""
    from agent.sweep.inventory import read_inventory

    try:
        devices = [one for one in read_inventory(path) if one.kind in KINDS]
    except (OSError, ValueError) as error:
        raise ProbeError("inventory_unreadable", str(error)[:300], target="rooms") from error
    wrong = [one.name for one in devices if not one.room or not _is_address(one.key)]
    if wrong:
        raise ProbeError("classroom_device_incomplete", ", ".join(wrong[:20]), target="rooms")
    if not devices:
        raise ProbeError("classroom_devices_none", str(path), target="rooms")
    return devices


def _is_address(key: str) -> bool:
    try:
        ipaddress.IPv4Address(key)
    except ValueError:
        return False
    return True


def _rooms_of(devices: Iterable[Device]) -> dict[str, str]:
    """Return room -> kind of room; a room with one smart display is a smart room."""
    rooms: dict[str, str] = {}
    for one in devices:
        if rooms.get(one.room) != "smart":
            rooms[one.room] = KINDS[one.kind]
    return rooms


def _rooms_on(devices: list[Device], settings: ClassroomDevicesSettings) -> frozenset[str]:
    from agent.sweep.listed import ask_listed

    answered = ask_listed([one.key for one in devices], settings.tcp_ports)
    return frozenset(one.room for one in devices if one.key in answered)


def _look(now: datetime, rooms: dict[str, str], on: frozenset[str]) -> Reading:
    return Reading(
        probe=ClassroomDevices.name,
        target="rooms",
        time=now.astimezone(UTC),
        outcome=Outcome.OK,
        values={"rooms_count": float(len(rooms)), "rooms_on_count": float(len(on))},
    )


def report_day(
    day: RoomDay, rooms: dict[str, str], settings: ClassroomDevicesSettings
) -> Iterator[Reading]:
    """Yield one reading per room, at the time of the day's last look. Pure."""
    from agent.sweep.room_days import lesson_minutes

    is_watched = day.watched_min >= WATCHED_SHARE * lesson_minutes(settings.spans())
    for room, minutes in day.used_min.items():
        is_used = minutes >= settings.least_minutes
        is_known = is_used or is_watched
        yield Reading(
            probe=ClassroomDevices.name,
            target=room,
            time=day.last_look.astimezone(UTC),
            outcome=Outcome.OK if is_known else Outcome.FAILED,
            reason=None if is_known else "classroom_day_not_watched",
            values={"used_in_day": float(is_used)} if is_known else {},
            labels={"room_kind": rooms.get(room, "multimedia")},
            details={"on_min": round(minutes, 1), "watched_min": round(day.watched_min, 1)},
        )
