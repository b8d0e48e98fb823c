"""The host_uptime probe: boots are counted once each, across restarts and damaged records."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.base import Context, ProbeError
from agent.probes.host_uptime import (
    Boot,
    HostUptime,
    HostUptimeSettings,
    count_boot,
    parse_record,
    parse_uptime,
)
from agent.reading import Reading

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def boot_files(boot_id: str, uptime: str = "350735.47 234388.90\n") -> dict[str, str]:
    """Return the files of one boot."""
    return {"proc/uptime": uptime, "proc/sys/kernel/random/boot_id": f"{boot_id}\n"}


def collect(tree: Any, state_dir: Path | None = None) -> Reading:
    """Run a fresh probe, as after a restart of the agent."""
    context = tree.context()
    if state_dir is not None:
        context = dataclasses.replace(context, state_dir=state_dir)
    (reading,) = HostUptime("linux").collect(HostUptimeSettings(), context)
    return reading


def test_boots_are_counted_once_each(host: Any, tmp_path: Path) -> None:
    """A restart of the agent is no boot; a new boot id is, and the hash tells them apart."""
    host.files(boot_files("8a9c0f0e-1"))
    first, again = collect(host, tmp_path), collect(host, tmp_path)
    host.files(boot_files("8a9c0f0e-2", "12.5 10.0\n"))
    second = collect(host, tmp_path)
    counts = [r.values["boot_count"] for r in (first, again, second)]
    assert counts == [1, 1, 2]
    assert second.values["uptime_s"] == 12.5
    assert first.labels["boot"] == again.labels["boot"] != second.labels["boot"]


def test_the_boot_id_itself_stays_here(host: Any, tmp_path: Path) -> None:
    """Neither the reading nor the record holds the boot id."""
    host.files(boot_files("6d1f2c3b-9e4a-4f0e-8b7a-2c5d6e7f8091"))
    reading = collect(host, tmp_path)
    assert "6d1f2c3b" not in repr(reading)
    assert "6d1f2c3b" not in (tmp_path / "boots.json").read_text()


def test_without_state_the_count_is_left_out(host: Any) -> None:
    """No state folder: no count, and the reason says how to get one."""
    host.files(boot_files("a"))
    reading = collect(host)
    assert set(reading.values) == {"uptime_s"}
    assert reading.reason == "boot_count_not_kept"


def test_a_record_that_cannot_be_kept_costs_the_count_only(host: Any, tmp_path: Path) -> None:
    """Where the folder cannot be written (here: it is no folder), uptime is still reported."""
    host.files(boot_files("a"))
    (tmp_path / "file").touch()
    reading = collect(host, tmp_path / "file")
    assert (reading.reason, set(reading.values)) == ("boot_count_not_kept", {"uptime_s"})


def test_unknown_shutdown_is_said(host: Any) -> None:
    """Clean or not is unknown, and the label says so."""
    host.files(boot_files("a"))
    assert collect(host).labels["last_shutdown"] == "unknown"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"boot_count": 3}', '{"id_hash": 1}', "\x00" * 64]
)
def test_damaged_record_is_set_aside(host: Any, tmp_path: Path, damage: str) -> None:
    """A torn record is kept beside, counting starts anew, and the reading says so once."""
    host.files(boot_files("a"))
    (tmp_path / "boots.json").write_text(damage)
    reading = collect(host, tmp_path)
    assert reading.reason == "boot_record_damaged"
    assert reading.values["boot_count"] == 1
    assert (tmp_path / "boots.damaged").read_text() == damage
    assert collect(host, tmp_path).reason is None


def test_without_a_boot_id_the_boot_time_decides(tmp_path: Path) -> None:
    """On Windows a corrected clock is no boot; a boot time far from the last one is."""
    path = tmp_path / "boots.json"
    monday = NOW - timedelta(days=4)
    count_boot(path, Boot(10.0, monday, None), NOW)
    corrected, _ = count_boot(path, Boot(10.0, monday + timedelta(seconds=50), None), NOW)
    rebooted, _ = count_boot(path, Boot(10.0, monday + timedelta(minutes=10), None), NOW)
    assert (corrected.boot_count, rebooted.boot_count) == (1, 2)


@given(st.text())
def test_odd_uptime_is_refused_not_guessed(text: str) -> None:
    """Whatever /proc/uptime says, the result is a sane number or an error."""
    try:
        uptime_s = parse_uptime(text)
    except ValueError:
        return
    assert 0 <= uptime_s < float("inf")


@given(st.text())
def test_odd_record_is_refused(text: str) -> None:
    """Only a record comes out of parse_record."""
    with pytest.raises(ValueError):  # noqa: PT011 - JSON and record errors share only this type
        parse_record(text)


def test_unreadable_proc_is_said(host: Any) -> None:
    """Without /proc/uptime the probe fails with its own reason."""
    with pytest.raises(ProbeError, match="uptime_unreadable"):
        collect(host)


def test_other_systems_are_told() -> None:
    """Elsewhere the probe says that the system is not supported."""
    with pytest.raises(ProbeError, match="unsupported_system"):
        list(HostUptime("sunos5").collect(HostUptimeSettings(), Context()))


def test_this_host(tmp_path: Path) -> None:
    """On the machine at hand uptime grows and the boot is counted."""
    probe, context = HostUptime(), Context(state_dir=tmp_path)
    (first,) = probe.collect(HostUptimeSettings(), context)
    (second,) = probe.collect(HostUptimeSettings(), context)
    assert 0 < first.values["uptime_s"] <= second.values["uptime_s"]
    assert second.values["boot_count"] == 1
