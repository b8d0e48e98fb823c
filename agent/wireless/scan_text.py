"""What `iw`, `nmcli` and `netsh` print about the networks around, read into `Heard`. Pure.

Lines are told apart by their shape (an address, `NN%`, `802.11x`), not by their words, so that a
Chinese Windows reads like an English one. None of the three has a machine-readable form that a
library reads: `jc`, which does iw and nmcli, knows no netsh and drops BSS Load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.wireless.heard import ADDRESS, NULL_ADDRESS, Heard, channel_of_mhz, decode_ssid

_IW_BSS = re.compile(rf"^BSS ({ADDRESS.pattern})", re.IGNORECASE)
_IW_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_NETSH_SSID = re.compile(r"^\s*SSID\s+\d+\s*[:：]\s?(.*)$")
_NETSH_BSSID = re.compile(rf"^\s*BSSID\s+\d+\s*[:：]\s*({ADDRESS.pattern})", re.IGNORECASE)
_PERCENT = re.compile(r"^(\d{1,3})\s*%$")
_OF_255 = re.compile(r"^(\d{1,3})\s*\(\s*\d{1,3}\s*%\s*\)$")


class ScanError(ValueError):
    """The text is no scan that is understood, or holds no radio; `reason` is a reason's code."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


def decode_output(raw: bytes) -> str:
    """Return a program's output as text: UTF-16 with a mark, UTF-8, else GB18030."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def parse_scan(text: str) -> list[Heard]:
    """Read a scan of any of the three tools.

    Raises ScanError `wireless_scan_not_understood`, or `wireless_scan_without_radios` where netsh
    was run without `mode=bssid`. An empty scan of iw or nmcli is an empty list: nothing was heard.
    """
    lines = text.splitlines()
    if any(_IW_BSS.match(line) for line in lines):
        return parse_iw(text)
    if any(_NETSH_SSID.match(line) for line in lines):
        found = parse_netsh(text)
        if not found:
            raise ScanError(reason="wireless_scan_without_radios")
        return found
    found = parse_nmcli(text)
    if not found and text.strip():
        raise ScanError("wireless_scan_not_understood", text.strip()[:200])
    return found


@dataclass(slots=True)
class _Block:
    """One BSS while its lines are read."""

    bssid: str
    ssid: str = ""
    channel: int | None = None
    mhz: int | None = None
    signal_dbm: float | None = None
    percent: int | None = None
    busy_ratio: float | None = None
    stations: int | None = None
    numbers: list[int] = field(default_factory=list)


def parse_iw(text: str) -> list[Heard]:
    """Read `iw dev X scan` or `scan dump`, of old and new versions."""
    found: list[_Block] = []
    for line in text.splitlines():
        if start := _IW_BSS.match(line):
            found.append(_Block(start[1].lower()))
        elif found:
            _read_iw_line(found[-1], line.strip().removeprefix("* "))
    return [
        Heard(
            block.bssid,
            block.ssid,
            block.channel or (channel_of_mhz(block.mhz) if block.mhz else None),
            block.signal_dbm,
            busy_ratio=block.busy_ratio,
            stations=block.stations,
        )
        for block in found
        if block.bssid != NULL_ADDRESS
    ]


def _read_iw_line(block: _Block, line: str) -> None:
    name, _, value = line.partition(":")
    value = value.strip()
    if line.startswith("DS Parameter set: channel "):
        block.channel = _whole(line.rpartition(" ")[2])
    elif name == "SSID" and not block.ssid:
        block.ssid = _iw_ssid(line.partition(":")[2].removeprefix(" "))
    elif name == "freq":
        block.mhz = _whole(value.partition(".")[0])  # newer versions print 2412.0
    elif name == "signal" and value.endswith("dBm"):
        block.signal_dbm = _decimal(value.removesuffix("dBm"))
    elif name == "primary channel" and block.channel is None:
        block.channel = _whole(value)
    elif name == "station count":
        block.stations = _whole(value)
    elif name == "channel utilisation":
        busy = _whole(value.partition("/")[0])
        block.busy_ratio = None if busy is None else min(busy / 255, 1.0)


def _iw_ssid(text: str) -> str:
    """Undo iw's escapes: a backslash, x and two digits for every byte that is not plain ASCII."""
    raw = text.encode("utf-8", "surrogateescape")
    return decode_ssid(_IW_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), raw))


def parse_iw_noise(text: str) -> dict[int, float]:
    """Read `iw dev X survey dump`: noise in dBm by frequency in MHz, where the driver tells."""
    noise: dict[int, float] = {}
    mhz: int | None = None
    for line in text.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "frequency":
            mhz = _whole(value.split()[0]) if value.split() else None
        elif name == "noise" and mhz is not None:
            level = _decimal(value.replace("dBm", ""))
            if level is not None and -120 <= level < -30:
                noise[mhz] = level
    return noise


def parse_nmcli(text: str) -> list[Heard]:
    """Read `nmcli --terse … device wifi list` with at least ssid, bssid, chan, freq, signal.

    NetworkManager gives a percentage, by one scale up to version 1.0 and by another since: both
    ends are kept.
    """
    found = []
    for line in text.splitlines():
        fields = _nmcli_fields(line)
        where = next((i for i, one in enumerate(fields) if ADDRESS.fullmatch(one)), None)
        if where is None or where == 0 or fields[where] == NULL_ADDRESS:
            continue
        after = fields[where + 1 :]
        at_mhz = next((i for i, one in enumerate(after) if one.endswith(" MHz")), None)
        if at_mhz is None:
            continue
        mhz = _whole(after[at_mhz].split()[0]) or 0
        percent = next((n for one in after[at_mhz + 1 :] if (n := _whole(one)) is not None), None)
        ends = sorted(nmcli_dbm(percent)) if percent is not None else [None, None]
        found.append(
            Heard(
                fields[where].lower(),
                fields[where - 1].strip("\0"),
                channel_of_mhz(mhz),
                signal_dbm=ends[0],
                signal_high_dbm=ends[1],
            )
        )
    return found


def nmcli_dbm(percent: int) -> tuple[float, float]:
    """Return what a percentage of NetworkManager means, by the older and by the newer scale.

    Older: 0 to 100 % are -100 to -50 dBm. Newer (`nl80211_xbm_to_percent`): 30 to 100 % are -90
    to -20 dBm; below 30 % only the older can be meant.
    """
    older = percent / 2 - 100
    return older, percent - 120.0 if percent >= 30 else older


def _nmcli_fields(line: str) -> list[str]:
    """Split at colons that no backslash precedes, and take the backslashes away."""
    return [one.replace("\\:", ":").replace("\\\\", "\\") for one in re.split(r"(?<!\\):", line)]


def parse_netsh(text: str) -> list[Heard]:
    """Read `netsh wlan show networks mode=bssid` in any language.

    Windows gives a percentage: 0 to 100 % are -100 to -50 dBm, linear (WLAN_BSS_ENTRY,
    wlanSignalQuality in Microsoft's documentation).
    """
    found: list[_Block] = []
    ssid = ""
    inside = False
    for line in text.splitlines():
        if named := _NETSH_SSID.match(line):
            ssid, inside = named[1].strip(), False
        elif start := _NETSH_BSSID.match(line):
            found.append(_Block(start[1].lower(), ssid))
            inside = True
        elif inside:
            _read_netsh_line(found[-1], line)
    return list(_netsh_heard(found))


def _read_netsh_line(block: _Block, line: str) -> None:
    value = re.split(r"[:：]", line, maxsplit=1)[-1].strip()
    if percent := _PERCENT.match(value):
        if block.percent is None:
            block.percent = int(percent[1])
    elif busy := _OF_255.match(value):
        block.busy_ratio = min(int(busy[1]) / 255, 1.0)
    elif value.isdecimal():
        block.numbers.append(int(value))


def _netsh_heard(found: list[_Block]) -> Iterator[Heard]:
    for block in found:
        if block.bssid == NULL_ADDRESS:
            continue
        # The first whole number is the channel, the next one (Windows 11) the stations.
        channel = block.numbers[0] if block.numbers else None
        counts_stations = block.busy_ratio is not None and len(block.numbers) > 1
        yield Heard(
            block.bssid,
            block.ssid,
            channel,
            None if block.percent is None else min(block.percent, 100) / 2 - 100,
            busy_ratio=block.busy_ratio,
            stations=block.numbers[1] if counts_stations else None,
        )


def _whole(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() else None


def _decimal(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
