"""Probe `cameras`: which cameras answer, and how large the picture of their main stream is.

What: every half hour whether each camera answers, asked without a login; once a day the size of
its main stream, by the stream's own parameter set.

Rights: a login that may view live pictures, on each camera or recorder.

Settings: `cameras`, each with `name` and either `url` (rtsp://…, the main stream; on a Hikvision
that is …/Streaming/Channels/101, on a Dahua …/cam/realmonitor?channel=1&subtype=0) or `address`
and `port` (ONVIF finds the largest stream), and `credential`; `purpose`: `surveillance`, or
`classroom` for what sends and records lessons, which is counted apart; `credentials_file`, a TOML
file of mode 0600 with a table `[default]` of `user` and `password`; `answer_within_s`.

Metrics: see `Cameras.metrics`. The target is the camera's name.

What makes it invalid: the address of a sub-stream; a size that only the camera's word stands for
(`camera_size_told_only`). When none of several cameras answers, the way there is in doubt and
nothing is said of any (`cameras_all_silent`). A wrong login is tried once a day and no more,
because cameras lock accounts.

Evidence kept: size, codec, where the size comes from, maker, model and firmware. No picture.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.logins import Login

AT_ONCE = 16
_MEMORY = "streams.json"
_READ_AGAIN = timedelta(hours=20)
"""Less than a day, so that a run which comes a little early is not a day lost."""
_LOGIN_REASONS = frozenset(
    {"camera_wrong_credentials", "camera_needs_credentials", "camera_not_permitted"}
)
_OFFLINE = frozenset({"camera_timeout", "camera_refused", "camera_unreachable"})
_UNKNOWN = frozenset({"camera_name_unresolved"})
_NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One camera; see the module's text."""

    name: str
    url: str = ""
    address: str = ""
    port: int = 80
    credential: str = "default"
    purpose: Literal["surveillance", "classroom"] = "surveillance"

    def __post_init__(self) -> None:
        if not self.name or bool(self.url) == bool(self.address):
            raise ValueError("a camera needs a name, and either url or address")
        if self.url:
            from agent.cameras.rtsp import host_and_port

            host_and_port(self.url)
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be between 1 and 65535, not {self.port}")


@dataclass(frozen=True, kw_only=True)
class CamerasSettings:
    """See the module's text."""

    cameras: tuple[Camera, ...] = ()
    credentials_file: Path | None = None
    answer_within_s: float = 8.0

    def __post_init__(self) -> None:
        names = [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError("every camera needs a name of its own")
        if len(names) > 500:
            raise ValueError("at most 500 cameras; put more agents near them")
        if not 0.5 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 0.5 and 30")


@dataclass(frozen=True, slots=True)
class _Look:
    """What one camera gave: `trouble` None where it answered; the stream where it was read."""

    camera: Camera
    silence: TroubleError | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    reason: str | None = None
    trouble: TroubleError | None = None
    was_read: bool = False


class Cameras(Probe[CamerasSettings]):
    """The listed cameras, side by side."""

    name = "cameras"
    title = "监控摄像机"
    interval_s = 1800.0
    timeout_s = 900.0
    cost = Cost.HEAVY
    settings_type = CamerasSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("online", "bool", "Whether the camera answers: 1 yes, 0 no"),
        Metric("main_stream_1080p", "bool", "Whether the main stream has 1920x1080 or more"),
        Metric("width_pixels", "px", "Width of the main stream's picture"),
        Metric("height_pixels", "px", "Height of the main stream's picture"),
    )

    def idle_reason(self, settings: CamerasSettings) -> str | None:
        """Without a camera there is nothing to ask."""
        return None if settings.cameras else "cameras_not_named"

    def collect(self, settings: CamerasSettings, context: Context) -> Iterable[Reading]:
        """Yield for each camera whether it answers, and its stream where that was due.

        Raises ProbeError `cameras_not_named`, or what is wrong with the file of logins.
        """
        from agent.logins import load_logins

        if not settings.cameras:
            raise ProbeError("cameras_not_named", outcome=Outcome.SKIPPED)
        try:
            logins = load_logins(settings.credentials_file)
        except TroubleError as error:
            raise ProbeError(error.reason, error.detail) from error
        memory = _Memory.load(context, settings.credentials_file)

        def look(camera: Camera) -> _Look:
            deadline_s = time.monotonic() + settings.answer_within_s
            silence = _silence_of(camera, deadline_s, context.now())
            if silence is not None or not memory.is_due(camera, context.now()):
                return _Look(camera, silence)
            deadline_s = time.monotonic() + 2 * settings.answer_within_s
            login = logins.get(camera.credential)
            return _read(camera, login, deadline_s, context.now())

        with ThreadPoolExecutor(AT_ONCE) as pool:
            looks = list(pool.map(look, settings.cameras))
        are_all_silent = len(looks) > 1 and all(one.silence is not None for one in looks)
        for one in looks:
            yield from _readings(one, context, are_all_silent=are_all_silent)
            memory.note(one, context.now())
        memory.save(context)


def _silence_of(camera: Camera, deadline_s: float, now: datetime) -> TroubleError | None:
    """Return why a camera does not answer, None where something of it does."""
    from agent.cameras.onvif import OnvifDevice
    from agent.cameras.rtsp import is_rtsp_there

    try:
        if camera.url:
            is_rtsp_there(camera.url, deadline_s)
        else:
            OnvifDevice(camera.address, camera.port, None, deadline_s).read_clock(now)
    except TroubleError as error:
        return error if error.reason in _OFFLINE | _UNKNOWN else None
    return None


def _read(camera: Camera, login: Login | None, deadline_s: float, now: datetime) -> _Look:
    """Read the main stream of a camera that answers."""
    from agent.cameras.onvif import OnvifDevice
    from agent.cameras.rtsp import read_stream

    details: dict[str, Json] = {}
    told = None
    try:
        url = camera.url
        if not url:
            device = OnvifDevice(camera.address, camera.port, login, deadline_s)
            device.read_clock(now)
            profile = device.profiles()[0]
            told = profile.size
            details |= {**device.identity(), "profile": profile.token}
            url = device.stream_address(profile)
        stream = read_stream(url, login, deadline_s)
        size, source = stream.size, stream.source
        details |= {"codec": stream.codec, "url": url}
    except TroubleError as error:
        if told is None or error.reason in _LOGIN_REASONS:
            return _Look(camera, details=details, trouble=error, was_read=True)
        size, source = told, "told"
        details["detail"] = f"{error.reason}: {error.detail}"
    return _Look(
        camera,
        values={
            "main_stream_1080p": float(size.is_1080p),
            "width_pixels": float(size.width),
            "height_pixels": float(size.height),
        },
        details={**details, "size_from": source},
        reason="camera_size_told_only" if source == "told" else None,
        was_read=True,
    )


def _readings(look: _Look, context: Context, *, are_all_silent: bool) -> Iterator[Reading]:
    def reading(
        outcome: Outcome,
        reason: str | None,
        values: Mapping[str, float],
        **details: Json,
    ) -> Reading:
        return Reading(
            probe=Cameras.name,
            target=look.camera.name,
            time=context.now(),
            outcome=outcome,
            reason=reason,
            values=values,
            labels={"camera": look.camera.name, "purpose": look.camera.purpose},
            details=details,
        )

    silence = look.silence
    if silence is not None:
        if are_all_silent:
            yield reading(Outcome.FAILED, "cameras_all_silent", _NOTHING, detail=silence.detail)
        elif silence.reason in _UNKNOWN:
            yield reading(Outcome.FAILED, silence.reason, _NOTHING, detail=silence.detail)
        else:
            yield reading(Outcome.OK, silence.reason, {"online": 0.0}, detail=silence.detail)
        return
    yield reading(Outcome.OK, None, {"online": 1.0})
    if look.trouble is not None:
        details = {**look.details, "detail": look.trouble.detail}
        yield reading(Outcome.FAILED, look.trouble.reason, _NOTHING, **details)
    elif look.values:
        yield reading(Outcome.OK, look.reason, look.values, **look.details)


@dataclass
class _Memory:
    """When each camera's stream is to be read next. Losing it costs one login each, no evidence."""

    due: dict[str, str] = field(default_factory=dict)
    logins_of: str = ""
    """When the file of logins was changed last: a corrected login is tried at once."""

    @classmethod
    def load(cls, context: Context, credentials_file: Path | None) -> _Memory:
        """Return what is remembered; nothing where that cannot be read or a person asks."""
        changed = str(credentials_file.stat().st_mtime_ns) if credentials_file else ""
        if context.state_dir is None or context.on_demand:
            return cls(logins_of=changed)
        try:
            known = json.loads((context.state_dir / _MEMORY).read_text(encoding="utf-8"))
            due = {str(k): datetime.fromisoformat(v).isoformat() for k, v in known.items()}
            return cls(due, changed)
        except (OSError, ValueError, TypeError, AttributeError):
            return cls(logins_of=changed)

    def is_due(self, camera: Camera, now: datetime) -> bool:
        """Tell whether the stream is to be read now."""
        due = self.due.get(self._key(camera))
        # A clock set back must not put it off for longer than usual.
        return due is None or not now < datetime.fromisoformat(due) <= now + _READ_AGAIN

    def note(self, look: _Look, now: datetime) -> None:
        """Remember what was read; what failed otherwise than by its login is tried again soon."""
        if look.was_read and (look.trouble is None or look.trouble.reason in _LOGIN_REASONS):
            self.due[self._key(look.camera)] = (now + _READ_AGAIN).isoformat()

    def save(self, context: Context) -> None:
        """Write it down; may fail silently."""
        from agent.system.durable_file import replace_durably

        if context.state_dir is not None:
            try:
                replace_durably(context.state_dir / _MEMORY, json.dumps(self.due))
            except OSError:
                return

    def _key(self, camera: Camera) -> str:
        return "|".join(
            (camera.name, camera.url, camera.address, camera.credential, self.logins_of)
        )
