"""Asks this host's wireless card what it hears, through the system's own tool.

Linux: `iw scan` (CAP_NET_ADMIN), else NetworkManager, else the scan that the card remembers.
Windows: `netsh`. Each is given a few seconds; nothing is changed on the card.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.trouble import TroubleError
from agent.wireless.heard import Heard
from agent.wireless.scan_text import (
    ScanError,
    decode_output,
    parse_iw_noise,
    parse_scan,
)

TOOL_S = 20.0
"""A scan of all channels takes up to ten seconds."""
SCAN_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scan:
    """What was heard at once, by which tool, and the noise by frequency where the driver tells."""

    tool: str
    heard: Sequence[Heard]
    noise_dbm: dict[int, float] = field(default_factory=dict)


def wireless_interfaces(sys_root: Path) -> list[str]:
    """Return the wireless interfaces of a Linux host."""
    folder = sys_root / "class" / "net"
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    marks = ("phy80211", "wireless")
    return [one.name for one in entries if any((one / mark).exists() for mark in marks)]


def scan(interface: str, sys_root: Path, system: str = sys.platform) -> Scan:
    """Listen once. `interface` may be empty: the first wireless one.

    Raises TroubleError `wireless_card_missing`, `wireless_tool_missing`, `wireless_scan_refused`,
    or what the text lacks.
    """
    if system == "win32":
        return _read("netsh", ["netsh", "wlan", "show", "networks", "mode=bssid"])
    found = wireless_interfaces(sys_root)
    if interface and interface not in found:
        raise TroubleError("wireless_card_missing", f"{interface}; {', '.join(found) or 'none'}")
    if not found:
        raise TroubleError("wireless_card_missing")
    return _scan_linux(interface or found[0])


def _scan_linux(interface: str) -> Scan:
    fields = "SSID,BSSID,CHAN,FREQ,SIGNAL"
    ways = (
        ("iw", ["iw", "dev", interface, "scan"]),
        (
            "nmcli",
            ["nmcli", "-t", "-f", fields, "device", "wifi", "list", "ifname", interface],
        ),
        ("iw", ["iw", "dev", interface, "scan", "dump"]),
    )
    trouble: TroubleError | None = None
    for tool, command in ways:
        try:
            found = _read(tool, command)
        except TroubleError as error:
            trouble = trouble if trouble and error.reason == "wireless_tool_missing" else error
            continue
        return Scan(tool, found.heard, _noise(interface) if tool == "iw" else {})
    raise trouble or TroubleError("wireless_tool_missing", "iw")


def _noise(interface: str) -> dict[int, float]:
    try:
        return parse_iw_noise(tool_output(["iw", "dev", interface, "survey", "dump"]))
    except TroubleError:
        return {}


def _read(tool: str, command: Sequence[str]) -> Scan:
    text = tool_output(command)
    try:
        return Scan(tool, parse_scan(text))
    except ScanError as error:
        raise TroubleError(error.reason, str(error)[:300]) from error


def tool_output(command: Sequence[str]) -> str:
    """Return what a tool printed, in English where it can. Raises TroubleError."""
    path = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/sbin")
    if path is None:
        raise TroubleError("wireless_tool_missing", command[0])
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and an interface that was found
            [path, *command[1:]], capture_output=True, timeout=TOOL_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TroubleError(
            "wireless_scan_refused", f"{command[0]}: no answer in {TOOL_S:g} s"
        ) from error
    if done.returncode != 0:
        said = decode_output(done.stderr or done.stdout).strip()
        raise TroubleError("wireless_scan_refused", f"{command[0]}: {said[:200]}")
    return decode_output(done.stdout[:SCAN_BYTES])


def read_scan_file(path: Path) -> Scan:
    """Read a scan that was saved elsewhere. Raises TroubleError, OSError."""
    with path.open("rb") as stream:
        raw = stream.read(SCAN_BYTES)
    try:
        return Scan(f"file:{path.name}", parse_scan(decode_output(raw)))
    except ScanError as error:
        raise TroubleError(error.reason, str(error)[:300]) from error
