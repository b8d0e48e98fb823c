"""Captured frames: recordings against an independent dissector, damage, and a real interface."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.wireless_capture import WirelessCapture, WirelessCaptureSettings
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError
from agent.wireless.capture_source import read_file
from agent.wireless.survey_points import Thresholds

CAPTURES = (
    "radiotap-7bss-2437",
    "radiotap-netgear-beacons",
    "radiotap-exthdr",
    "beacon-gbk-ssid",
    "probe-requests-lab-2023-03-16",
)
LENIENT = Thresholds(teaching_dbm=-85.0, snr_db=15.0)
"""The recording of NETGEAR is of a far-away radio: -84 dBm over a noise of -100 dBm."""
NETGEAR_TAKEN = datetime(2011, 1, 1, 2, 30, tzinfo=UTC)
ADDRESS = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}", re.IGNORECASE)


def dissect(path: Path, *fields: str) -> list[list[str]]:
    """Return fields of every frame as tshark, which shares no code with ours, sees them."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (python tools/system_packages.py)")
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    command += [word for name in fields for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", CAPTURES)
def test_radios_signals_and_channels_as_tshark_sees_them(wifi: Path, name: str) -> None:
    """Same radios, same number of beacons, same median signal; and the same askers, as a count."""
    path = wifi / f"{name}.pcap"
    rows = dissect(
        path, "wlan.fc.type_subtype", "wlan.bssid", "radiotap.dbm_antsignal",
        "radiotap.flags.badfcs", "wlan.ta",
    )  # fmt: skip
    capture = read_file(path).capture
    assert capture.frames == len(rows)
    rows = [row for row in rows if row[0]]  # the others are cut off within their headers
    beacons = [r for r in rows if int(r[0], 16) in (5, 8) and r[3] not in ("1", "True")]
    beacons = [r for r in beacons if r[1] != "00:00:00:00:00:00"]
    assert {one.bssid for one in capture.heard()} == {row[1] for row in beacons}
    assert capture.beacons == len(beacons)
    signals: dict[str, list[float]] = {}
    for row in beacons:
        if row[2]:
            signals.setdefault(row[1], []).append(float(row[2]))
    assert {one.bssid: one.signal_dbm for one in capture.heard() if one.signal_dbm} == {
        bssid: median(levels) for bssid, levels in signals.items()
    }
    assert capture.devices == len({row[4] for row in rows if int(row[0], 16) == 4})


def test_names_in_gbk_and_the_announced_channel(wifi: Path) -> None:
    """测试 in GBK is read; Lekonora announces channel 7 although it was heard on 6."""
    (chinese,) = read_file(wifi / "beacon-gbk-ssid.pcap").capture.heard()
    assert chinese.ssid == "测试"
    assert chinese.signal_dbm is None
    heard = {one.ssid: one for one in read_file(wifi / "radiotap-7bss-2437.pcap").capture.heard()}
    assert heard["Lekonora"].channel == 7
    assert {"Smile)", "ogogo", "tmpAP", "Vodafone", "veles3"} < heard.keys()


def capture_of(
    folder: Path, taken: datetime, state: Path | None = None, *own: str
) -> list[Reading]:
    """Run the probe once over a folder, as if soon after the capture was taken."""
    settings = WirelessCaptureSettings(
        own_ssids=own or ("NETGEAR",), folder=folder, thresholds=LENIENT
    )
    context = Context(now=lambda: taken, state_dir=state)
    return list(WirelessCapture().collect(settings, context))


@pytest.fixture
def folder(tmp_path: Path, wifi: Path) -> Path:
    """Return a technician's folder with one capture, named after its point."""
    made = tmp_path / "captures"
    made.mkdir()
    shutil.copy(wifi / "radiotap-netgear-beacons.pcap", made / "教学楼-301.pcap")
    return made


def test_a_file_is_a_point(folder: Path, tmp_path: Path) -> None:
    """Coverage, signal and noise at the point that the file is named after, once."""
    (reading,) = capture_of(folder, NETGEAR_TAKEN, tmp_path)
    assert (reading.target, reading.outcome) == ("教学楼/301", Outcome.OK)
    assert reading.labels["building"] == "教学楼"
    assert reading.time < NETGEAR_TAKEN
    assert reading.values["covered"] == 1
    assert (reading.values["signal_dbm"], reading.values["snr_db"]) == (-84, 16)
    assert reading.details["noise_from"] == "measured"
    assert capture_of(folder, NETGEAR_TAKEN, tmp_path) == []


def test_one_channel_cannot_prove_a_miss(folder: Path) -> None:
    """A network that is not on the captured channel may be on another: limited, not uncovered."""
    (reading,) = capture_of(folder, NETGEAR_TAKEN, None, "elsewhere")
    assert (reading.values["covered"], reading.limited_by) == (0.0, ("few_channels",))


def test_no_address_of_a_device_leaves(wifi: Path, tmp_path: Path) -> None:
    """Of 1270 devices in a real laboratory not one address is in the reading; the radios' are."""
    (tmp_path / "captures").mkdir()
    shutil.copy(wifi / "probe-requests-lab-2023-03-16.pcap", tmp_path / "captures" / "lab-1.pcap")
    (reading,) = capture_of(tmp_path / "captures", datetime(2023, 3, 17, tzinfo=UTC))
    assert reading.values["devices_count"] == 1270
    assert not ADDRESS.search(json.dumps([dict(reading.details), dict(reading.labels)]))
    assert "own_access_points_count" in reading.values


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a-1.pcap", b"no capture at all, only text of some length", "capture_unreadable"),
        ("a-1.pcap", b"", "capture_unreadable"),
        ("a-1.pcap", struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 127), "capture_empty"),
        (
            "a-1.pcap",
            struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
            + struct.pack("<IIII", 1, 0, 4, 4) + b"abcd",
            "capture_wrong_link_type",
        ),
        ("unnamed.pcap", b"x", "capture_file_unnamed"),
    ],
)  # fmt: skip
def test_bad_files_say_what_to_do(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """One failed reading for each, and the next file is read all the same."""
    (tmp_path / name).write_bytes(content)
    (reading,) = capture_of(tmp_path, NETGEAR_TAKEN)
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, reason)


@pytest.mark.parametrize("cut", [40, 300, 1000, 5000, 20001])
def test_a_torn_capture_gives_what_is_whole(wifi: Path, tmp_path: Path, cut: int) -> None:
    """A card pulled out in the middle of a frame: the frames before it count, and it is said."""
    whole = (wifi / "radiotap-netgear-beacons.pcap").read_bytes()
    path = tmp_path / "a-1.pcap"
    path.write_bytes(whole[:cut])
    if cut == 40:
        (reading,) = capture_of(tmp_path, NETGEAR_TAKEN)
        assert reading.reason == "capture_empty"
        return
    captured = read_file(path)
    assert captured.torn
    assert 0 < captured.capture.frames < 225
    (tmp_path / "b-1.pcap.gz").write_bytes(gzip.compress(whole))
    assert read_file(tmp_path / "b-1.pcap.gz").capture.frames == 225


def test_wireshark_saves_pcapng(wifi: Path, tmp_path: Path) -> None:
    """The newer format gives the same radios at the same time."""
    if shutil.which("editcap") is None:
        pytest.skip("editcap is not installed (python tools/system_packages.py)")
    old = wifi / "radiotap-netgear-beacons.pcap"
    subprocess.run(["editcap", "-F", "pcapng", old, tmp_path / "a-1.pcapng"], check=True)
    older, newer = read_file(old), read_file(tmp_path / "a-1.pcapng")
    assert newer.capture.heard() == older.capture.heard()
    assert (newer.torn, round(newer.last_s, 3)) == (False, round(older.last_s, 3))


@pytest.mark.parametrize(
    ("taken", "reason"),
    [
        (datetime(2010, 12, 1, tzinfo=UTC), "capture_clock_wrong"),
        (datetime(2012, 1, 1, tzinfo=UTC), "capture_too_old"),
    ],
)
def test_a_capture_of_another_time_proves_nothing(
    folder: Path, taken: datetime, reason: str
) -> None:
    """Neither the future nor a year ago is evidence of today."""
    (reading,) = capture_of(folder, taken)
    assert reading.reason == reason
    assert not reading.values


def test_bytes_of_any_kind_break_nothing(wifi: Path) -> None:
    """Every beacon with one byte changed at a time: counted or broken, never an exception."""
    from scapy.utils import RawPcapReader

    with contextlib.closing(RawPcapReader(str(wifi / "radiotap-netgear-beacons.pcap"))) as reader:
        raw = next(
            frame for frame, _ in reader if frame[int.from_bytes(frame[2:4], "little")] == 0x80
        )
    capture = read_file(wifi / "radiotap-netgear-beacons.pcap").capture
    before = capture.frames
    for place in range(len(raw)):
        capture.add(raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :], 127)
        capture.add(raw[:place], 127)
    assert capture.frames == before + 2 * len(raw)
    assert all(one.channel is None or 0 <= one.channel <= 255 for one in capture.heard())


MONITOR_TYPE, TUNSETIFF, TUNSETLINK, IFF_TAP_NO_PI = 803, 0x400454CA, 0x400454CD, 0x1002


@contextlib.contextmanager
def monitor_card(frames: list[bytes]) -> Iterator[str]:
    """Make a tap interface of the kind that a monitor card is, over which `frames` keep coming."""
    name = f"cg{os.getpid() % 10_000_000}m"
    tap = os.open("/dev/net/tun", os.O_RDWR)
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            for frame in frames:
                os.write(tap, frame)
            time.sleep(0.01)

    sender = threading.Thread(target=send)
    try:
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
        fcntl.ioctl(tap, TUNSETLINK, MONITOR_TYPE)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        sender.start()
        yield name
    finally:
        stop.set()
        if sender.is_alive():
            sender.join()
        os.close(tap)


@pytest.mark.root
@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")  # noqa: PTH110
def test_a_real_interface_in_a_real_child(wifi: Path, tmp_path: Path) -> None:
    """Beacons over an interface of a monitor card's type, captured by the probe's own process."""
    from scapy.utils import RawPcapReader

    with contextlib.closing(RawPcapReader(str(wifi / "radiotap-netgear-beacons.pcap"))) as reader:
        frames = [frame for frame, _ in reader][:60]
    config = tmp_path / "agent.toml"
    with monitor_card(frames) as card:
        config.write_text(
            '[probes.wireless_capture]\nown_ssids = ["NETGEAR"]\npoint = "教学楼-301"\n'
            f'interface = "{card}"\nseconds = 1.0\n'
            "thresholds = { teaching_dbm = -85.0, snr_db = 15.0 }\n"
        )
        command = [sys.executable, "-m", "agent", "probe", "wireless_capture"]
        done = subprocess.run(
            [*command, "--config", str(config), "--state", str(tmp_path)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
    reading = json.loads(done.stdout)
    assert (reading["outcome"], reading["target"]) == ("ok", "教学楼/301")
    assert reading["values"]["covered"] == 1
    assert reading["values"]["frames_count"] >= 60


def test_an_ordinary_interface_is_refused(tmp_path: Path) -> None:
    """A card that is not in monitor mode yields Ethernet frames: say how to switch it."""
    settings = WirelessCaptureSettings(own_ssids=("c",), interface="lo", point="a-1")
    (reading,) = WirelessCapture().collect(settings, Context(state_dir=tmp_path))
    assert reading.reason == "capture_not_monitor"
    gone = WirelessCaptureSettings(own_ssids=("c",), interface="wlan9", point="a-1")
    (reading,) = WirelessCapture().collect(gone, Context(state_dir=tmp_path))
    assert reading.reason == "capture_interface_missing"


def test_nothing_to_capture_from_is_said() -> None:
    """Without a source, or names, the probe is skipped with the setting to write."""
    with pytest.raises(ProbeError, match="capture_no_source"):
        list(WirelessCapture().collect(WirelessCaptureSettings(own_ssids=("c",)), Context()))
    with pytest.raises(ValueError, match="go together"):
        WirelessCaptureSettings(interface="mon0")
    with pytest.raises(TroubleError, match="capture_unreadable"):
        read_file(Path("/nonexistent"))
    assert Counter([WirelessCapture().cost])["heavy"] == 1
