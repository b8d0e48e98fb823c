"""Rates inside the school, over real shaped lines: from room to server, and between two hosts."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent.bandwidth.result import DirectionResult, Result
from agent.probes.base import Context
from agent.probes.lan_rate import LanRate, LanRateSettings
from agent.probes.wireless_rate import WirelessRate, WirelessRateSettings, report
from agent.reading import Outcome
from agent.wireless.association import Association, parse_association
from agent.wireless.survey_points import parse_point

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SERVE = (
    "from collector.speedtest.command import serve;"
    "serve('0.0.0.0', 8989, None, True, host_id='lab')"
)
ROOM = parse_point("教学楼-301")
# A namespace has no wireless card: a /sys of the test's own says that its cable is one.
MEASURE = """
import json, sys
from pathlib import Path
from agent.probes.base import Context
from agent.probes.wireless_rate import WirelessRate, WirelessRateSettings
from agent.wire import reading_fields
fake = Path(sys.argv[1])
if sys.argv[2] == "wireless":
    for card in Path("/sys/class/net").iterdir():
        (fake / "class/net" / card.name / "phy80211").mkdir(parents=True)
        (fake / "class/net" / card.name / "device").mkdir()
        (fake / "class/net" / card.name / "operstate").write_text("up")
        (fake / "class/net" / card.name / "type").write_text("1")
settings = WirelessRateSettings(server="http://10.77.2.2:8989", room="教学楼-301", max_seconds=1.5)
context = Context(sys_root=fake if sys.argv[2] == "wireless" else Path("/sys"))
(reading,) = WirelessRate().collect(settings, context)
print(json.dumps(reading_fields(reading)))
"""


@pytest.fixture(scope="module")
def netlab() -> ModuleType:
    """Return the module that builds shaped links."""
    spec = importlib.util.spec_from_file_location("netlab", BENCHMARKS / "netlab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["netlab"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.root
def test_the_rate_of_a_room_over_a_real_link(netlab: ModuleType, tmp_path: Path) -> None:
    """A room of 20 Mbit/s gets its payload share; the same link told to be a cable is refused."""
    with netlab.lab(netlab.Link(20.0, 10.0, 4.0)) as lab:
        lab.start(lab.server(sys.executable, "-c", SERVE))
        time.sleep(1.0)
        found: dict[str, dict[str, Any]] = {}
        for kind in ("wireless", "wired"):
            command = lab.client(sys.executable, "-c", MEASURE, str(tmp_path), kind)
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
            found[kind] = json.loads(done.stdout)
    room = found["wireless"]
    assert (room["outcome"], room["target"]) == ("ok", "教学楼/301")
    assert room["values"]["goodput_mbps"] == pytest.approx(20 * netlab.PAYLOAD_SHARE, rel=0.05)
    assert room["values"]["upload_goodput_mbps"] == pytest.approx(9.5, rel=0.08)
    assert (found["wired"]["outcome"], found["wired"]["reason"]) == (
        "failed", "wireless_rate_over_cable",
    )  # fmt: skip


@pytest.mark.root
def test_two_hosts_of_a_school_by_iperf3(netlab: ModuleType, tmp_path: Path) -> None:
    """`lan_rate` against `bandwidth --listen` of a peer, in the probe's own child."""
    config = tmp_path / "agent.toml"
    config.write_text(
        '[probes.lan_rate]\npeers = { library = "10.77.2.2:5201", gone = "10.77.2.2:5209" }\n'
        "max_seconds = 2.0\n"
    )
    with netlab.lab(netlab.Link(200.0, 200.0, 0.0)) as lab:
        lab.start(lab.server(sys.executable, "-m", "agent", "bandwidth", "--listen", "5201"))
        time.sleep(1.0)
        probe = [sys.executable, "-m", "agent", "probe", "lan_rate", "--config", str(config)]
        done = subprocess.run(
            lab.client(*probe), capture_output=True, text=True, check=True, timeout=60
        )
    library, gone = map(json.loads, done.stdout.splitlines())
    assert library["target"] == "library"
    assert library["values"]["download_line_rate_mbps"] == pytest.approx(200, rel=0.05)
    assert library["details"]["backend"] == "iperf3"
    assert gone["outcome"] == "failed"
    assert gone["reason"]


def result_of(*causes: str) -> Result:
    """Return a download of 3 Mbit/s with these causes."""
    part = DirectionResult(3.0, 3.2, 2.0, 750_000, causes, 0.01, converged=True, loaded_rtt_s=0.05)
    return Result(part, None, 0.01, "s", "10.0.0.2", "wlan0")


@pytest.mark.parametrize(
    ("causes", "modern", "kept"),
    [
        (("wifi",), True, ()),
        (("wifi", "cross_traffic"), True, ()),
        ((), None, ()),
        (("host_cpu",), True, ("host_cpu",)),
        (("wifi",), False, ("client_radio",)),
        (("same_host",), True, ("same_host",)),
    ],
)
def test_the_air_is_what_is_measured(
    causes: tuple[str, ...], modern: bool | None, kept: tuple[str, ...]
) -> None:
    """What slows the air in a lesson is the answer; what slows the terminal is an excuse."""
    reading = report(ROOM, result_of(*causes), Association(is_modern=modern), Context())
    assert reading.limited_by == kept
    assert reading.outcome is (Outcome.LIMITED if kept else Outcome.OK)
    assert reading.values["goodput_mbps"] == 3.0


def test_what_a_card_says_of_its_link(scans: Path) -> None:
    """Signal and PHY rate of a real client; a card of one stream of 802.11n is told apart."""
    found = parse_association((scans / "iw-station-dump-client-ac.txt").read_text())
    assert found == Association(None, -60.0, 650.0, is_modern=True)
    old = "Connected to 02:00:00:00:00:01 (on w)\n\tfreq: 2412.0\n\tsignal: -61 dBm\n{}"
    one = parse_association(old.format("\ttx bitrate: 72.2 MBit/s MCS 7 short GI\n"))
    assert one == Association(2412, -61.0, 72.2, is_modern=False)
    two = parse_association(old.format("\ttx bitrate: 144.4 MBit/s MCS 15 short GI\n"))
    assert two.is_modern
    assert parse_association("Not connected.\n") == Association()


def test_only_the_school_itself_is_measured_without_a_slot() -> None:
    """An address of the Internet would take the bureau's line without its slot: refused."""
    settings = LanRateSettings(peers={"far": "8.8.8.8:5201"})
    (reading,) = LanRate().collect(settings, Context())
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "lan_server_not_inside")
    room = WirelessRateSettings(server="http://8.8.8.8:8989", room="教学楼-301")
    (reading,) = WirelessRate().collect(room, Context())
    assert reading.reason == "lan_server_not_inside"
