"""The survey: judging a point, the technician's command, and the way to the steady agent."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.probes.base import Context
from agent.probes.wireless_survey import WirelessSurvey, WirelessSurveySettings
from agent.reading import Outcome, Reading
from agent.wireless import visits as visits_module
from agent.wireless.heard import Heard
from agent.wireless.survey_points import Point, Thresholds, judge_point, parse_point, read_points
from agent.wireless.visits import hand_over, leave_visit

ROOM = Point("教学楼", "301")
OWN = ("campus",)


def radio(signal: float | None, ssid: str = "campus", last: int = 1, **more: float) -> Heard:
    """Return one radio on channel 6."""
    return Heard(f"02:00:00:00:00:{last:02x}", ssid, 6, signal, more.get("high"))


@pytest.mark.parametrize(
    ("signal", "noise", "kind", "covered"),
    [
        (-65.0, -90.0, "teaching", True),
        (-65.1, -90.0, "teaching", False),
        (-70.0, -90.0, "other", True),
        (-69.9, -90.0, "teaching", False),
        (-60.0, -79.9, "teaching", False),  # strong, but 19.9 dB above the noise
        (-60.0, -80.0, "teaching", True),
        (-65.0, None, "teaching", True),  # a noise of -85 dBm is assumed
        (-66.0, None, "other", False),
    ],
)
def test_signal_and_noise_both_have_to_suffice(
    signal: float, noise: float | None, kind: str, covered: bool
) -> None:
    """Q8: the signal for the kind of room, and 20 dB above the noise."""
    point = parse_point("教学楼-301", "other" if kind == "other" else "teaching")
    found = judge_point(
        point, [radio(signal)], OWN, Thresholds(), {} if noise is None else {6: noise}
    )
    assert found.covered is covered
    assert found.noise_from == ("assumed" if noise is None else "measured")
    assert ("snr_db" in found.values) is (noise is not None)


def test_only_the_schools_own_radios_count() -> None:
    """A neighbour's strong network covers nothing, and is counted, not named."""
    found = judge_point(ROOM, [radio(-40.0, "neighbour", 2), radio(-80.0)], OWN, Thresholds(), {})
    assert not found.covered
    assert found.values["other_radios_count"] == 1
    assert found.values["same_channel_count"] == 1
    assert [one.ssid for one in found.own] == ["campus"]
    nothing = judge_point(ROOM, [radio(-40.0, "neighbour")], OWN, Thresholds(), {})
    assert (nothing.covered, nothing.reason) == (False, "wireless_not_heard")


def test_a_percentage_that_could_mean_both_decides_nothing() -> None:
    """Between the two scales of NetworkManager lies the threshold: uncertain, not failed."""
    assert judge_point(ROOM, [radio(-68.0, high=-56.0)], OWN, Thresholds(), {}).uncertain
    assert not judge_point(ROOM, [radio(-60.0, high=-45.0)], OWN, Thresholds(), {}).uncertain


def test_points_are_read_from_a_list(tmp_path: Path) -> None:
    """A line a point, remarks, Chinese kinds; a wrong line is named."""
    path = tmp_path / "points.csv"
    path.write_text("\ufeff教学楼-301\n# 操场\n操场 - 东,其他\n\nLab/2,other\n", encoding="utf-8")
    assert [(one.target, one.kind) for one in read_points(path)] == [
        ("教学楼/301", "teaching"), ("操场/东", "other"), ("Lab/2", "other"),
    ]  # fmt: skip
    path.write_text("教学楼-301\n302\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"points.csv:2: .*教学楼-301"):
        read_points(path)


def survey(*words: str | Path) -> int:
    """Call the command as a shell would."""
    return main(["survey", *map(str, words)])


def test_a_technicians_round(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two points of three: reported once each by the steady probe, progress by building."""
    points = tmp_path / "points.csv"
    points.write_text("教学楼-301\n教学楼-302\n实验楼-101\n", encoding="utf-8")
    state = tmp_path / "state"
    common: tuple[str | Path, ...] = ("--state", state, "--points", points, "--ssid", "Cisco1250")
    scan = ("--scan-file", scans / "iw-scan-cisco-2bss.txt")
    assert survey("--point", "教学楼-301", *common, *scan) == 1  # -70 dBm is too weak
    assert "✗ 未覆盖" in capsys.readouterr().out
    assert survey("--point", "教学楼-302", "--ssid", "Cisco1240", *common[:4], *scan) == 0
    shown = capsys.readouterr().out
    assert "✓ 已覆盖" in shown
    assert "2/3" in shown
    assert survey(*common, "--format", "json") == 0
    progress = json.loads(capsys.readouterr().out)
    assert progress["left"] == ["实验楼/101"]
    assert progress["not_covered"] == ["教学楼/301"]

    probe = WirelessSurvey("linux")
    settings = WirelessSurveySettings(own_ssids=("Cisco1240",))
    context = Context(state_dir=state / "probes" / probe.name)
    first = list(probe.collect(settings, context))
    assert [(one.target, one.values["covered"]) for one in first] == [
        ("教学楼/301", 0.0), ("教学楼/302", 1.0),
    ]  # fmt: skip
    assert all(one.outcome is Outcome.OK and one.labels["building"] == "教学楼" for one in first)
    assert list(probe.collect(settings, context)) == []
    assert context.state_dir is not None
    assert list((context.state_dir / "visits").iterdir()) == []


def test_a_visit_survives_the_death_of_the_agent(tmp_path: Path) -> None:
    """Handed over and not yet stored when the agent died: its successor hands it over again."""
    visit = Reading(
        "wireless_survey",
        "a/1",
        datetime(2026, 9, 18, 2, tzinfo=UTC),
        Outcome.OK,
        values={"covered": 1.0},
    )
    leave_visit(tmp_path, visit)
    started_s = time.time() - 1
    assert list(hand_over(tmp_path, "wireless_survey", started_s)) == [visit]
    assert list(hand_over(tmp_path, "wireless_survey", time.time() + 1)) == [visit]
    assert list(hand_over(tmp_path, "wireless_survey", started_s)) == []


def test_a_damaged_visit_is_set_aside(tmp_path: Path) -> None:
    """A torn file costs one visit, which is said; the others go on."""
    folder = tmp_path / "visits"
    folder.mkdir()
    (folder / "1.json").write_text('{"probe": "wireless_sur')
    probe = WirelessSurvey("linux")
    settings = WirelessSurveySettings(own_ssids=OWN)
    (reading,) = probe.collect(settings, Context(state_dir=tmp_path))
    assert reading.reason == "wireless_visit_damaged"
    assert [path.name for path in folder.iterdir()] == ["1.damaged"]


def test_visits_are_bounded(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no agent collects them, the technician is told instead of the disk filled."""
    monkeypatch.setattr(visits_module, "VISITS_KEPT", 1)
    words = ("--state", tmp_path, "--ssid", "Cisco1240", "--point", "a-1")
    scan = ("--scan-file", scans / "iw-scan-cisco-2bss.txt")
    assert survey(*words, *scan) == 0
    assert survey(*words, *scan) == 1
    assert "campusgauge-agent run" in capsys.readouterr().err


@pytest.fixture
def card(tmp_path: Path, scans: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a wireless card into a /sys of our own, and an `iw` that prints a recording."""
    (tmp_path / "sys/class/net/wlan0/phy80211").mkdir(parents=True)
    (tmp_path / "sys/class/net/eth0").mkdir()
    program = tmp_path / "bin" / "iw"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n[ $2 = wlan0 ] || exit 1\ncase $3 in\n"
        f"scan) exec cat '{scans / 'iw-scan-cisco-2bss.txt'}';;\n"
        "survey) printf 'frequency: 2412 MHz [in use]\\nnoise: -70 dBm\\n';;\nesac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "sys"


def test_a_host_that_stays_listens_by_itself(card: Path) -> None:
    """The tool is really run: noise of -70 dBm makes a signal of -45 dBm good enough, -55 not."""
    settings = WirelessSurveySettings(own_ssids=("Cisco1240",), point="教学楼-301")
    now = datetime(2026, 9, 18, 2, tzinfo=UTC)
    (reading,) = WirelessSurvey("linux").collect(settings, Context(sys_root=card, now=lambda: now))
    assert reading.target == "教学楼/301"
    assert reading.values["snr_db"] == 25
    assert reading.values["covered"] == 1
    assert reading.details["noise_from"] == "measured"


def test_without_a_card_the_reason_says_so(tmp_path: Path) -> None:
    """No zero coverage of a host that cannot hear."""
    settings = WirelessSurveySettings(own_ssids=OWN, point="教学楼-301")
    (reading,) = WirelessSurvey("linux").collect(settings, Context(sys_root=tmp_path))
    assert (reading.outcome, reason := reading.reason) == (Outcome.FAILED, "wireless_card_missing")
    assert reason
    assert not reading.values


def test_walking_with_a_live_terminal(scans: Path, tmp_path: Path) -> None:
    """On a terminal the list is walked: Enter measures, q ends, and the bar moves."""
    points = tmp_path / "points.csv"
    points.write_text("教学楼-301\n教学楼-302\n", encoding="utf-8")
    command = [sys.executable, "-m", "agent", "survey", "--walk", "--points", str(points)]
    command += ["--ssid", "Cisco1240", "--state", str(tmp_path / "state")]
    command += ["--scan-file", str(scans / "iw-scan-cisco-2bss.txt")]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        process.stdin.write("\nq\n")
        process.stdin.close()
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:
                break
            shown += chunk
        assert process.wait(20) == 0
    os.close(ours)
    text = shown.decode()
    assert "[1/2]" in text
    assert "进度 progress ████████████············ 1/2" in text
