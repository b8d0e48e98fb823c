"""How long recorders keep: complete, still filling, stopped, and not telling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.probes.base import Context
from agent.probes.recordings import Recorder, Recordings, RecordingsSettings
from agent.reading import Outcome, Reading

from .conftest import FakeDevice

Start = Callable[..., FakeDevice]


def channel(
    number: int, oldest_days: float, newest_hours: float = 0.1
) -> tuple[str, str, str, str]:
    """Return one recording as devices write it."""
    now = datetime.now(UTC)
    times = (now - timedelta(days=oldest_days), now - timedelta(hours=newest_hours))
    earliest, latest = (time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in times)
    return (f"OnvifRecordingToken_{number}", f"IpCamera_{number}", earliest, latest)


def ask(device: FakeDevice, logins: Path, state: Path | None = None) -> list[Reading]:
    """Run the probe once."""
    device.asked.clear()
    recorder = Recorder(name="nvr", address="127.0.0.1", port=device.port)
    settings = RecordingsSettings(recorders=(recorder,), credentials_file=logins)
    return list(Recordings().collect(settings, Context(state_dir=state)))


def test_every_channel_over_several_pages(onvif_device: Start, logins: Path) -> None:
    """All channels are read, also where the recorder gives them piece by piece."""
    device = onvif_device(FakeDevice(recordings=[channel(n, 30 + n) for n in range(1, 8)], pages=3))
    readings = ask(device, logins)
    days = {one.target: one.values["retention_days"] for one in readings}
    assert days == {f"nvr/IpCamera_{n}": pytest.approx(30 + n, abs=0.01) for n in range(1, 8)}
    assert device.asked[-1] == "EndSearch"


def test_a_recorder_that_is_still_filling_is_a_lower_bound(
    onvif_device: Start, logins: Path, tmp_path: Path
) -> None:
    """Only once an old recording was seen to go, the age says how long recordings are kept."""
    device = onvif_device(FakeDevice(recordings=[channel(1, 12)]))
    (first,) = ask(device, logins, tmp_path)
    (again,) = ask(device, logins, tmp_path)
    device.recordings = [channel(1, 11.5)]
    (overwritten,) = ask(device, logins, tmp_path)
    assert [one.limited_by for one in (first, again)] == [("still_filling",)] * 2
    assert (overwritten.outcome, overwritten.reason) == (Outcome.OK, None)
    assert overwritten.values["retention_days"] == pytest.approx(11.5, abs=0.01)


def test_a_channel_that_stopped_is_void(onvif_device: Start, logins: Path, tmp_path: Path) -> None:
    """Old recordings of a dead camera are no retention."""
    device = onvif_device(FakeDevice(recordings=[channel(1, 200, newest_hours=24 * 40)]))
    (reading,) = ask(device, logins, tmp_path)
    assert (reading.outcome, reading.limited_by) == (Outcome.LIMITED, ("recording_stopped",))


def test_a_wrong_clock_does_no_harm_and_is_told(
    onvif_device: Start, logins: Path, tmp_path: Path
) -> None:
    """Both ends are taken by the recorder's own clock, which is a year behind."""
    year = timedelta(days=365)
    device = onvif_device(
        FakeDevice(recordings=[channel(1, 365 + 40, 365 * 24)], clock_offset=-year)
    )
    ask(device, logins, tmp_path)
    device.recordings = [channel(1, 365 + 39, 365 * 24)]
    (reading,) = ask(device, logins, tmp_path)
    assert reading.values["retention_days"] == pytest.approx(39, abs=0.01)
    assert reading.reason == "recorder_clock_wrong"


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (FakeDevice(can_search=False), "recorder_cannot_search"),
        (FakeDevice(), "recorder_has_no_recording"),
        (FakeDevice(recordings=[("t", "c", "yesterday", "")]), "recording_times_unknown"),
        (FakeDevice(answers={"FindRecordings": b"<x"}), "onvif_answered_wrongly"),
    ],
)
def test_a_recorder_that_does_not_tell(
    onvif_device: Start, logins: Path, device: FakeDevice, reason: str
) -> None:
    """One failed reading with what to do."""
    (reading,) = ask(onvif_device(device), logins)
    assert (reading.outcome, reading.reason, dict(reading.values)) == (Outcome.FAILED, reason, {})


def test_a_recorder_without_a_login(onvif_device: Start) -> None:
    """Said as such, and not as a recorder without recordings."""
    device = onvif_device(FakeDevice(recordings=[channel(1, 40)]))
    settings = RecordingsSettings(
        recorders=(Recorder(name="nvr", address="127.0.0.1", port=device.port),)
    )
    (reading,) = Recordings().collect(settings, Context())
    assert reading.reason == "camera_needs_credentials"
