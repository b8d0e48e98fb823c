"""How this host's wireless card is associated: what a slow rate may be the card's own fault for.

`iw dev X link` and `station dump` print the same lines; neither has a machine-readable form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.trouble import TroubleError
from agent.wireless.listen import tool_output

_RATE = re.compile(r"(?P<mbps>[\d.]+) MBit/s(?P<modes>.*)")
_HT_MCS = re.compile(r"(?<!V)(?<!H)\bMCS (\d+)")


@dataclass(frozen=True, slots=True)
class Association:
    """Frequency in MHz, signal in dBm, and the PHY rate in Mbit/s that the card last sent at."""

    mhz: int | None = None
    signal_dbm: float | None = None
    phy_mbps: float | None = None
    is_modern: bool | None = None
    """802.11ac or newer, or two streams of 802.11n; None where the card does not tell."""


def parse_association(text: str) -> Association:
    """Read what iw printed. Pure."""
    mhz: int | None = None
    signal: float | None = None
    rates: list[tuple[float, str]] = []
    for line in text.splitlines():
        name, _, value = line.strip().partition(":")
        value = value.strip()
        if name == "freq" and value:
            mhz = int(float(value.split()[0]))
        elif name == "signal" and value:
            level = float(value.split()[0])
            signal = level if -120 <= level < 0 else None
        elif name in ("tx bitrate", "rx bitrate") and (found := _RATE.match(value)):
            rates.append((float(found["mbps"]), found["modes"]))
    if not rates:
        return Association(mhz, signal)
    return Association(mhz, signal, rates[0][0], any(_is_modern(modes) for _, modes in rates))


def _is_modern(modes: str) -> bool:
    if any(word in modes for word in ("VHT", "HE-", "EHT")):
        return True
    found = _HT_MCS.search(modes)
    return found is not None and int(found[1]) >= 8  # 802.11n: MCS 8 and above use two streams


def read_association(interface: str) -> Association:
    """Ask `iw`; nothing is known where it is not there."""
    try:
        return parse_association(tool_output(["iw", "dev", interface, "link"]))
    except (TroubleError, ValueError):
        return Association()
