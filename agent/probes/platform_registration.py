"""Probe `platform_registration`: whether surveillance is registered with the county's platform.

What: reads the registration log (GB/T 28181) of the school's recorder or video gateway, or an
export of the platform's, and tells the state of each device at every quarter of an hour that the
log covers (Q16d). Nobody can listen to the registration itself from the school's network.

Rights: reading the log.

Settings: `log_file` (text or CSV, a line an event, with a date and time in it), `encoding`;
`devices` (name -> the id or address by which a line names it); `registered_words` and `lost_words`,
what lines of a good and of a lost registration hold; `valid_minutes`, how long a registration or
keep-alive holds; `utc_offset_hours` of the log's times; `max_bytes` read from its end.

Metrics: see `PlatformRegistration.metrics`. The target is the device's name; the time is that of
the log, which may be yesterday's.

What makes it invalid: a log that was not written (no line at all within `valid_minutes`) leaves its
time unknown. A platform that was down loses every device through no fault of the school: the bureau
sees that in all schools at once.

Evidence kept: the time of the line that decides; no line, no address.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading

NOT_NAMED = "platform_registration_not_named"
SLOT = timedelta(minutes=15)
LOOK_BACK = timedelta(days=7)
LOG_OLD = timedelta(days=2)
READINGS_A_RUN = 1500
"""The rest of a long log is told in the next run."""
_TIME = re.compile(r"(\d{4})[-/年.](\d{1,2})[-/月.](\d{1,2})日?[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?")


@dataclass(frozen=True, kw_only=True)
class PlatformRegistrationSettings:
    """See the module's text."""

    log_file: Path | None = None
    encoding: str = "utf-8"
    devices: dict[str, str] = field(default_factory=dict)
    registered_words: tuple[str, ...] = ("注册成功", "心跳", "保活", "上线", "registered", "online")
    lost_words: tuple[str, ...] = (
        "失败",
        "注销",
        "离线",
        "下线",
        "unregistered",
        "offline",
        "failed",
    )
    valid_minutes: float = 60.0
    utc_offset_hours: float = 8.0
    max_bytes: int = 8_000_000

    def __post_init__(self) -> None:
        if len(self.devices) > 16 or not all(self.devices.values()):
            raise ValueError("at most 16 devices, each with the id by which a line names it")
        if not all(self.registered_words) or not self.registered_words or not all(self.lost_words):
            raise ValueError("registered_words and lost_words may not hold empty texts")
        if not 1 <= self.valid_minutes <= 2880:
            raise ValueError("valid_minutes must be between 1 and 2880")
        if not -14 <= self.utc_offset_hours <= 14:
            raise ValueError("utc_offset_hours must be between -14 and 14")
        if not 10_000 <= self.max_bytes <= 100_000_000:
            raise ValueError("max_bytes must be between 10000 and 100000000")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"unknown encoding {self.encoding!r}; utf-8 or gb18030") from None


@dataclass(frozen=True, slots=True)
class Log:
    """What a log says: times of all its lines, and of each device whether it was registered."""

    times: tuple[datetime, ...]
    events: dict[str, tuple[tuple[datetime, bool], ...]]


class PlatformRegistration(Probe[PlatformRegistrationSettings]):
    """Registration with the county's video platform."""

    name = "platform_registration"
    title = "视频监控联网"
    interval_s = 900.0
    timeout_s = 60.0
    cost = Cost.HEAVY
    settings_type = PlatformRegistrationSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("registered", "bool", "Whether the device was registered: 1 yes, 0 no"),
    )

    def idle_reason(self, settings: PlatformRegistrationSettings) -> str | None:
        """Without a log and a device there is nothing to read."""
        return None if settings.log_file and settings.devices else NOT_NAMED

    def collect(
        self, settings: PlatformRegistrationSettings, context: Context
    ) -> Iterable[Reading]:
        """Yield each device's state at the quarters of an hour that were not told yet.

        Raises ProbeError `platform_registration_…`.
        """
        if settings.log_file is None or not settings.devices or context.state_dir is None:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        log = parse_log(read_tail(settings.log_file, settings), settings)
        if not log.times:
            raise ProbeError("platform_registration_no_times", str(settings.log_file))
        if context.now() - log.times[-1] > LOG_OLD:
            raise ProbeError("platform_registration_log_old", f"{log.times[-1].isoformat()}")
        path = context.state_dir / "told.json"
        told = _load_told(path) or context.now() - LOOK_BACK
        for name in settings.devices:
            if not log.events[name]:
                yield _reading(name, context.now(), None, "platform_registration_not_in_log")
        slots = slots_between(
            max(told, context.now() - LOOK_BACK), min(log.times[-1], context.now())
        )
        slots = slots[: max(READINGS_A_RUN // len(settings.devices), 1)]
        for slot in slots:
            yield from states_at(slot, log, settings)
        if slots:
            new = path.with_suffix(".new")
            new.write_text(json.dumps({"version": 1, "told": slots[-1].isoformat()}))
            new.replace(path)


def read_tail(path: Path, settings: PlatformRegistrationSettings) -> str:
    """Return the end of the log, from a whole line on. Raises ProbeError."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - settings.max_bytes, 0))
            data = stream.read(settings.max_bytes)
    except OSError as error:
        reason = "platform_registration_unreadable"
        raise ProbeError(reason, f"{path}: {error.strerror}") from error
    if size > settings.max_bytes:
        data = data.partition(b"\n")[2]
    return data.decode(settings.encoding, "replace")


def parse_log(text: str, settings: PlatformRegistrationSettings) -> Log:
    """Read lines in any order; a line without a time, a device or a known word says nothing."""
    zone = timezone(timedelta(hours=settings.utc_offset_hours))
    times: list[datetime] = []
    events: dict[str, list[tuple[datetime, bool]]] = {name: [] for name in settings.devices}
    for line in text.splitlines():
        moment = _time_of(line, zone)
        if moment is None:
            continue
        times.append(moment)
        state = _state_of(line.lower(), settings)
        if state is not None:
            for name, identity in settings.devices.items():
                if re.search(rf"(?<!\w){re.escape(identity)}(?!\w)", line):
                    events[name].append((moment, state))
    ordered = {name: tuple(sorted(found)) for name, found in events.items()}
    return Log(tuple(sorted(times)), ordered)


def _time_of(line: str, zone: timezone) -> datetime | None:
    found = _TIME.search(line)
    if found is None:
        return None
    try:
        parts = [int(part or 0) for part in found.groups()]
        return datetime(*parts[:6], tzinfo=zone).astimezone(UTC)  # type: ignore[misc,arg-type] # six whole numbers
    except (ValueError, OverflowError):
        return None


def _state_of(line: str, settings: PlatformRegistrationSettings) -> bool | None:
    if any(word.lower() in line for word in settings.lost_words):
        return False
    return True if any(word.lower() in line for word in settings.registered_words) else None


def slots_between(after: datetime, until: datetime) -> list[datetime]:
    """Return the quarters of an hour later than `after`, up to and with `until`."""
    seconds = SLOT.total_seconds()
    first, last = int(after.timestamp() // seconds) + 1, int(until.timestamp() // seconds)
    return [datetime.fromtimestamp(n * seconds, UTC) for n in range(first, last + 1)]


def states_at(
    slot: datetime, log: Log, settings: PlatformRegistrationSettings
) -> Iterator[Reading]:
    """Yield the state of each device that the log knows at that moment. Pure."""
    valid = timedelta(minutes=settings.valid_minutes)
    if not _is_written(log.times, slot, valid):
        return
    for name, events in log.events.items():
        before = bisect_right(events, (slot, True))
        if not before:
            continue
        moment, is_registered = events[before - 1]
        if not is_registered:
            yield _reading(name, slot, 0.0, "platform_registration_lost", moment)
        elif slot - moment > valid:
            yield _reading(name, slot, 0.0, "platform_registration_expired", moment)
        else:
            yield _reading(name, slot, 1.0, None, moment)


def _is_written(times: Sequence[datetime], slot: datetime, valid: timedelta) -> bool:
    before = bisect_right(times, slot)
    return before > 0 and slot - times[before - 1] <= valid


def _reading(
    name: str,
    moment: datetime,
    registered: float | None,
    reason: str | None,
    said_at: datetime | None = None,
) -> Reading:
    return Reading(
        probe=PlatformRegistration.name,
        target=name,
        time=moment,
        outcome=Outcome.FAILED if registered is None else Outcome.OK,
        reason=reason,
        values={} if registered is None else {"registered": registered},
        details={"line_of": said_at.isoformat()} if said_at else {},
    )


def _load_told(path: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(path.read_text())["told"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # told again: a few readings more, none lost
