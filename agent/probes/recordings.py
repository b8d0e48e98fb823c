"""Probe `recordings`: how many days of recordings the recorders keep, channel by channel.

What: once a day, per recorded channel, the age of its oldest recording by the recorder's own clock.

Rights: a login that may search recordings.

Settings: `recorders`, each with `name`, `address`, `port` and `credential`; `credentials_file` as
in `cameras`; `answer_within_s`. Recorders are asked by ONVIF (Recording Search, profile G).

Metrics: see `Recordings.metrics`. The target is `<recorder>/<channel>`.

What makes it invalid: a channel that has stopped recording (void, `recording_stopped`); a recorder
that is still filling its disks, whose oldest recording says when it was begun and not how long it
keeps: until the oldest was seen to go, the value is a lower bound (`still_filling`). The age is
taken by the recorder's clock on both sides, so that a wrong one does no harm; it is told.
Recording on motion only leaves gaps that this does not see.

Evidence kept: oldest and newest recording, the recorder's clock, maker and model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.cameras.onvif import Recording
    from agent.logins import Login

_MEMORY = "oldest.json"
_DAY = timedelta(days=1)
STOPPED_AFTER = timedelta(days=2)
"""A channel without a recording of the last two days does not record; a quiet weekend is less."""
CLOCK_TOLERANCE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """One network video recorder; see the module's text."""

    name: str
    address: str
    port: int = 80
    credential: str = "default"

    def __post_init__(self) -> None:
        if not self.name or not self.address:
            raise ValueError("a recorder needs a name and an address")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be between 1 and 65535, not {self.port}")


@dataclass(frozen=True, kw_only=True)
class RecordingsSettings:
    """See the module's text."""

    recorders: tuple[Recorder, ...] = ()
    credentials_file: Path | None = None
    answer_within_s: float = 30.0

    def __post_init__(self) -> None:
        names = [recorder.name for recorder in self.recorders]
        if len(set(names)) != len(names):
            raise ValueError("every recorder needs a name of its own")
        if len(names) > 20:
            raise ValueError("at most 20 recorders")
        if not 1 <= self.answer_within_s <= 120:
            raise ValueError("answer_within_s must be between 1 and 120")


class Recordings(Probe[RecordingsSettings]):
    """The recorded channels of the listed recorders."""

    name = "recordings"
    title = "录像保存"
    interval_s = 86_400.0
    timeout_s = 1200.0
    cost = Cost.HEAVY
    settings_type = RecordingsSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("retention_days", "d", "Age of the oldest recording of the channel"),
        Metric("newest_hours", "h", "Age of the newest recording of the channel"),
    )

    def idle_reason(self, settings: RecordingsSettings) -> str | None:
        """Without a recorder there is nothing to ask."""
        return None if settings.recorders else "recorders_not_named"

    def collect(self, settings: RecordingsSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading for each channel, or one for a recorder that does not tell.

        Raises ProbeError `recorders_not_named`, or what is wrong with the file of logins.
        """
        from agent.logins import load_logins

        if not settings.recorders:
            raise ProbeError("recorders_not_named", outcome=Outcome.SKIPPED)
        try:
            logins = load_logins(settings.credentials_file)
        except TroubleError as error:
            raise ProbeError(error.reason, error.detail) from error
        memory = _Memory.load(context)
        for recorder in settings.recorders:
            try:
                login = logins.get(recorder.credential)
                yield from _ask(recorder, login, settings.answer_within_s, memory, context)
            except TroubleError as error:
                yield Reading(
                    probe=self.name,
                    target=recorder.name,
                    time=context.now(),
                    outcome=Outcome.FAILED,
                    reason=error.reason,
                    labels={"recorder": recorder.name},
                    details={"address": recorder.address, "detail": error.detail},
                )
        memory.save(context)


def _ask(
    recorder: Recorder, login: Login | None, within_s: float, memory: _Memory, context: Context
) -> Iterator[Reading]:
    from agent.cameras.onvif import OnvifDevice

    device = OnvifDevice(recorder.address, recorder.port, login, time.monotonic() + within_s)
    clock = device.read_clock(context.now())
    evidence: dict[str, Json] = {
        **device.identity(),
        "recorder_clock": clock.isoformat(timespec="seconds"),
        "clock_offset_s": round(device.clock_offset.total_seconds()),
    }
    channels = device.recordings()
    if not channels:
        raise TroubleError("recorder_has_no_recording")
    for channel in sorted(channels, key=lambda one: one.token):
        yield _report(recorder, channel, clock, evidence, memory, context)


def _report(
    recorder: Recorder,
    channel: Recording,
    clock: datetime,
    evidence: dict[str, Json],
    memory: _Memory,
    context: Context,
) -> Reading:
    """Return the reading of one channel."""
    target = f"{recorder.name}/{channel.name}"[:120]
    oldest, newest = channel.earliest, channel.latest
    values: dict[str, float] = {}
    outcome, reason = Outcome.OK, None
    limits: tuple[str, ...] = ()
    if oldest is None or oldest > clock + _DAY:
        outcome, reason = Outcome.FAILED, "recording_times_unknown"
    else:
        values["retention_days"] = max((clock - oldest) / _DAY, 0.0)
        if newest is not None:
            values["newest_hours"] = max((clock - newest) / timedelta(hours=1), 0.0)
        cause = _limit(newest, clock, was_seen_to_go=memory.note(target, oldest))
        if cause is not None:
            outcome, reason, limits = Outcome.LIMITED, cause, (cause,)
        elif abs(timedelta(seconds=float(str(evidence["clock_offset_s"])))) > CLOCK_TOLERANCE:
            reason = "recorder_clock_wrong"
    return Reading(
        probe=Recordings.name,
        target=target,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels={"recorder": recorder.name},
        limited_by=limits,
        details={
            **evidence,
            "token": channel.token,
            "oldest": oldest.isoformat() if oldest else None,
            "newest": newest.isoformat() if newest else None,
        },
    )


def _limit(newest: datetime | None, clock: datetime, *, was_seen_to_go: bool) -> str | None:
    """Return what keeps the age of the oldest recording from being how long recordings are kept."""
    if newest is not None and clock - newest > STOPPED_AFTER:
        return "recording_stopped"
    return None if was_seen_to_go else "still_filling"


@dataclass
class _Memory:
    """The oldest recording of each channel when last seen, and whether an older one went."""

    channels: dict[str, tuple[str, bool]] = field(default_factory=dict)

    @classmethod
    def load(cls, context: Context) -> _Memory:
        """Return what is remembered; nothing where that cannot be read: then all are filling."""
        if context.state_dir is None:
            return cls()
        try:
            known = json.loads((context.state_dir / _MEMORY).read_text(encoding="utf-8"))
            return cls(
                {
                    str(name): (datetime.fromisoformat(oldest).isoformat(), bool(went))
                    for name, (oldest, went) in known.items()
                }
            )
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def note(self, target: str, oldest: datetime) -> bool:
        """Remember a channel; return whether an older recording was there before and is gone."""
        before, went = self.channels.get(target, (oldest.isoformat(), False))
        went = went or oldest > datetime.fromisoformat(before)
        self.channels[target] = (oldest.isoformat(), went)
        return went

    def save(self, context: Context) -> None:
        """Write it down; may fail silently: values then stay lower bounds."""
        from agent.system.durable_file import replace_durably

        if context.state_dir is not None:
            try:
                replace_durably(context.state_dir / _MEMORY, json.dumps(self.channels))
            except OSError:
                return
