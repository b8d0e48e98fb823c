"""Scans of iw, nmcli and netsh as real systems printed them, against counts taken from the text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wireless.heard import Heard, channel_of_mhz, decode_ssid, merge_scans
from agent.wireless.scan_text import (
    ScanError,
    decode_output,
    nmcli_dbm,
    parse_iw,
    parse_iw_noise,
    parse_scan,
)


def read(path: Path) -> list[Heard]:
    """Parse one recording."""
    return parse_scan(decode_output(path.read_bytes()))


def test_iw_of_26_radios(scans: Path) -> None:
    """Every radio with its signal; channel, load and stations as far as it printed them."""
    text = (scans / "iw-scan-26bss.txt").read_text()
    found = read(scans / "iw-scan-26bss.txt")
    assert [one.bssid for one in found] == re.findall(r"^BSS (\S{17})", text, re.M)
    assert [one.signal_dbm for one in found] == [
        float(level) for level in re.findall(r"^\s+signal: (\S+) dBm", text, re.M)
    ]
    assert sum(one.busy_ratio is not None for one in found) == text.count("channel utilisation")
    assert Counter(one.stations for one in found if one.stations is not None) == Counter(
        int(count) for count in re.findall(r"station count: (\d+)", text)
    )
    assert all(one.channel for one in found)
    assert (found[0].ssid, found[0].channel, found[0].busy_ratio) == (
        "Hoeheitsgebiet",
        1,
        103 / 255,
    )
    assert found[1].channel == 10  # it announces 10 and was heard on 2457 MHz, which is 10


def test_iw_of_an_old_version(scans: Path) -> None:
    """A space before the bracket and no channel load: both radios all the same."""
    found = read(scans / "iw-scan-cisco-2bss.txt")
    assert [(one.ssid, one.channel, one.signal_dbm) for one in found] == [
        ("Cisco1240", 1, -45.0),
        ("Cisco1250", 11, -70.0),
    ]


def test_nmcli_keeps_both_scales(scans: Path) -> None:
    """Fourteen radios, escaped colons, a hidden and an accented name, both scales."""
    found = read(scans / "nmcli-terse-scan.txt")
    assert len(found) == 14
    assert found[1].ssid == "Linksys01777-invité"
    assert sum(one.ssid == "" for one in found) == 1
    assert (found[3].bssid, found[3].channel) == ("31:23:03:1a:9f:1d", 36)
    assert (found[3].signal_dbm, found[3].best_case_dbm) == (-62.5, -45.0)
    assert nmcli_dbm(25) == (-87.5, -87.5)


@pytest.mark.parametrize("encoding", ["gb18030", "utf8"])
def test_netsh_of_a_chinese_windows(scans: Path, encoding: str) -> None:
    """Chinese labels in either code page read alike: no label is understood, only shapes."""
    found = read(scans / f"netsh-bssid-zh-CN.{encoding}.txt")
    assert [(one.bssid, one.channel, one.signal_dbm) for one in found] == [
        ("6c:72:20:cc:09:6d", 6, -50.0),
        ("e8:de:27:f7:93:b5", 6, -50.0),
        ("e8:de:27:f7:93:b6", 153, -55.0),
    ]


def test_netsh_of_an_english_windows(scans: Path) -> None:
    """Names with spaces and signs, and the right name for each radio."""
    found = read(scans / "netsh-networks-en-win81.txt")
    assert [one.ssid for one in found] == [
        "Vodafone Hotspot", "Vodafone Hotspot", "EdaBox", "FRITZ!Box 2345 Cable",
    ]  # fmt: skip
    assert [one.signal_dbm for one in found] == [-92.0, -72.5, -81.5, -50.0]


def test_netsh_of_windows_11_tells_the_load() -> None:
    """Channel and stations are both plain numbers: the channel comes first."""
    (heard,) = parse_scan(
        "SSID 1 : 校园网\n    BSSID 1 : 6c:72:20:cc:09:6d\n         信号 : 86%\n"
        "         无线电类型 : 802.11ax\n         波段 : 5 GHz\n         频道 : 36\n"
        "         Bss 负载:\n             已连接的工作站: 17\n"
        "             频道利用率: 51 (20 %)\n             可用容量: 31250 (1000000 us/s)\n"
    )
    assert (heard.ssid, heard.channel, heard.signal_dbm) == ("校园网", 36, -57.0)
    assert (heard.stations, heard.busy_ratio) == (17, 0.2)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("netsh-networks-zh-CN.gb18030.txt", "wireless_scan_without_radios"),
        ("netsh-interfaces-zh-CN.gb18030.txt", "wireless_scan_not_understood"),
        ("iwconfig-many.txt", "wireless_scan_not_understood"),
        ("ethtool-default1.txt", "wireless_scan_not_understood"),
    ],
)
def test_what_is_no_scan_is_refused(scans: Path, name: str, reason: str) -> None:
    """The output of a neighbouring command is no empty scan: it says what to run instead."""
    with pytest.raises(ScanError) as refused:
        read(scans / name)
    assert refused.value.reason == reason


def test_powershell_writes_utf_16(scans: Path) -> None:
    """A scan redirected in PowerShell is UTF-16 with a mark."""
    text = (scans / "netsh-bssid-zh-CN.utf8.txt").read_text(encoding="utf-8")
    assert len(parse_scan(decode_output(text.encode("utf-16")))) == 3


def test_iw_escapes_become_chinese() -> None:
    r"""The tool prints the bytes of a name as \xNN: UTF-8 and GBK are both read."""
    shape = "BSS 02:00:00:00:00:01(on w)\n\tfreq: 5180.0\n\tsignal: -51.00 dBm\n\tSSID: {}\n"
    utf8, gbk = (
        "".join(f"\\x{byte:02x}" for byte in "测试".encode(one)) for one in ("utf-8", "gbk")
    )
    assert parse_iw(shape.format(utf8))[0] == Heard("02:00:00:00:00:01", "测试", 36, -51.0)
    assert parse_iw(shape.format(gbk))[0].ssid == "测试"
    assert parse_iw(shape.format("a\\x5cx41"))[0].ssid == "a\\x41"  # a backslash in the name itself


def test_noise_by_frequency() -> None:
    """`survey dump` gives noise for the channels it was on; a driver's 0 is none."""
    text = (
        "Survey data from w\n\tfrequency:\t\t\t5180 MHz [in use]\n\tnoise:\t\t\t\t-95 dBm\n"
        "Survey data from w\n\tfrequency:\t\t\t5200 MHz\n\tnoise:\t\t\t\t0 dBm\n"
        "Survey data from w\n\tfrequency:\t\t\t5220 MHz\n"
    )
    assert parse_iw_noise(text) == {5180: -95.0}


def test_channels_of_frequencies() -> None:
    """The three bands and channel 14; what lies between has none."""
    found = {mhz: channel_of_mhz(mhz) for mhz in (2412, 2472, 2484, 5180, 5825, 5955, 7115, 2400)}
    assert found == {
        2412: 1, 2472: 13, 2484: 14, 5180: 36, 5825: 165, 5955: 1, 7115: 233, 2400: None,
    }  # fmt: skip


def test_several_scans_give_the_median() -> None:
    """One outlier does not decide a point."""
    scans = [[Heard("02:00:00:00:00:01", "c", 6, level)] for level in (-60.0, -61.0, -90.0)]
    assert merge_scans(scans) == [Heard("02:00:00:00:00:01", "c", 6, -61.0)]


@given(
    st.binary(max_size=400), st.sampled_from(["", "BSS 02:00:00:00:00:01(on w)\n", "SSID 1 : x\n"])
)
def test_no_text_breaks_the_reader(raw: bytes, head: str) -> None:
    """Whatever a tool prints, it is a scan or a reason, and no name is half decoded."""
    try:
        found = parse_scan(decode_output(head.encode() + raw))
    except ScanError:
        found = []
    assert all(len(one.bssid) == 17 for one in found)
    assert "\ufffd" not in decode_ssid(raw[:32])
