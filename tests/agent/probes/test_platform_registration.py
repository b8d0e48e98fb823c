"""Registration logs: keep-alives, losses, gaps, exports in any order, read once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.platform_registration import PlatformRegistration, PlatformRegistrationSettings
from agent.reading import Outcome, Reading

NVR, GATE = "34020000001180000001", "34020000001180000002"
NOW = datetime(2026, 11, 20, 4, 5, tzinfo=UTC)
"""Five past noon in China."""


def read(
    folder: Path, lines: Sequence[str], now: datetime = NOW, encoding: str = "utf-8"
) -> list[Reading]:
    """Write the log and run the probe once with its state in the folder."""
    log = folder / "gb28181.log"
    log.write_text("\n".join(lines) + "\n", encoding=encoding)
    settings = PlatformRegistrationSettings(
        log_file=log, encoding=encoding, devices={"nvr": NVR}, valid_minutes=20
    )
    return list(
        PlatformRegistration().collect(settings, Context(now=lambda: now, state_dir=folder))
    )


def states(readings: Sequence[Reading]) -> dict[str, float]:
    """Return UTC clock -> registered."""
    return {f"{one.time:%H:%M}": one.values["registered"] for one in readings}


LINES = (
    f"2026-11-20 10:01:00 {NVR} REGISTER 注册成功",
    f"2026-11-20 10:20:00 {NVR} 心跳",
    f"2026-11-20 10:40:00 {NVR} 注册失败 403",
    f"2026-11-20 11:05:00 {GATE} 心跳",
    f"2026-11-20 11:20:00 {NVR} 注册成功",
    f"2026-11-20 11:40:00 {GATE} 心跳",
    f"2026-11-20 12:00:00 {GATE} 心跳",
)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_state_at_every_quarter_that_the_log_covers(
    tmp_path: Path, encoding: str, newest_first: bool
) -> None:
    """Registered, lost, back, run out; nothing at 11:00, when nobody had written for long."""
    lines = list(reversed(LINES)) if newest_first else list(LINES)
    found = read(tmp_path, lines, encoding=encoding)
    assert states(found) == {
        "02:15": 1, "02:30": 1, "02:45": 0, "03:00": 0, "03:15": 0, "03:30": 1, "03:45": 0,
        "04:00": 0,
    }  # fmt: skip
    reasons = {f"{one.time:%H:%M}": one.reason for one in found}
    assert reasons["02:45"] == "platform_registration_lost"
    assert reasons["03:45"] == "platform_registration_expired"


def test_time_that_nobody_wrote_is_unknown(tmp_path: Path) -> None:
    """A log that stopped for two hours says nothing of them, and nothing after its last line."""
    found = read(tmp_path, [LINES[0], f"2026-11-20 11:58:00 {NVR} 心跳"])
    assert states(found) == {"02:15": 1}


def test_a_quarter_is_told_once(tmp_path: Path) -> None:
    """The next run goes on where this one ended; a broken memory tells again and loses nothing."""
    assert len(read(tmp_path, LINES)) == 8
    assert read(tmp_path, LINES) == []
    later = [*LINES, f"2026-11-20 12:14:00 {NVR} 心跳", f"2026-11-20 12:16:00 {GATE} 心跳"]
    assert states(read(tmp_path, later, NOW + timedelta(minutes=20))) == {"04:15": 1}
    (tmp_path / "told.json").write_text("{")
    assert len(read(tmp_path, LINES)) == 8


def test_a_device_is_known_by_its_whole_id(tmp_path: Path) -> None:
    """The log of another device, whose id begins alike, is none of ours."""
    (only,) = read(tmp_path, [f"2026-11-20 11:58:00 {NVR}9 心跳"])
    assert (only.outcome, only.reason) == (Outcome.FAILED, "platform_registration_not_in_log")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["no time", "2026-13-40 99:00:00 心跳"], "platform_registration_no_times"),
        ([f"2026-11-10 10:00:00 {NVR} 心跳"], "platform_registration_log_old"),
    ],
)
def test_a_log_that_tells_nothing(tmp_path: Path, lines: Sequence[str], reason: str) -> None:
    """Each way to be useless has its own advice."""
    with pytest.raises(ProbeError, match=reason):
        read(tmp_path, lines)


def test_a_missing_log_and_a_long_one(tmp_path: Path) -> None:
    """No file is said; of a long file its end is read, from a whole line on."""
    gone = PlatformRegistrationSettings(log_file=tmp_path / "gone", devices={"nvr": NVR})
    with pytest.raises(ProbeError, match="platform_registration_unreadable"):
        list(PlatformRegistration().collect(gone, Context(now=lambda: NOW, state_dir=tmp_path)))
    log = tmp_path / "long.log"
    log.write_text(f"2026-11-20 09:00:00 {NVR} 离线\n" * 1000 + "\n".join(LINES) + "\n")
    settings = PlatformRegistrationSettings(
        log_file=log, devices={"nvr": NVR}, valid_minutes=20, max_bytes=10_000
    )
    context = Context(now=lambda: NOW, state_dir=tmp_path)
    assert states(list(PlatformRegistration().collect(settings, context)))["02:15"] == 1
