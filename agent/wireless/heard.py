"""The vocabulary of wireless listening: one access point's radio as it was heard once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median

ADDRESS = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.IGNORECASE)
NULL_ADDRESS = "00:00:00:00:00:00"


@dataclass(frozen=True, slots=True)
class Heard:
    """One BSS. What was not told is None.

    `ssid` is empty for a hidden network. `signal_dbm` is the careful end where a tool gives a
    percentage whose meaning differs between versions; `signal_high_dbm` is then the other end.
    `busy_ratio` and `stations` come from the BSS Load element (IEEE 802.11-2020, 9.4.2.27).
    """

    bssid: str
    ssid: str
    channel: int | None = None
    signal_dbm: float | None = None
    signal_high_dbm: float | None = None
    busy_ratio: float | None = None
    stations: int | None = None

    @property
    def best_case_dbm(self) -> float | None:
        """The other end of an uncertain signal, else the signal."""
        return self.signal_dbm if self.signal_high_dbm is None else self.signal_high_dbm


def decode_ssid(raw: bytes) -> str:
    """Return a network's name: UTF-8, else GB18030, else hexadecimal. Empty where it is hidden.

    The standard sets no encoding; routers sold in China write GBK.
    """
    stripped = raw.strip(b"\0")
    for encoding in ("utf-8", "gb18030"):
        try:
            return stripped.decode(encoding)
        except UnicodeDecodeError:
            continue
    return stripped.hex()


def channel_of_mhz(mhz: int) -> int | None:
    """Return the channel of a centre frequency (IEEE 802.11-2020, Annex E), None for no such."""
    if mhz == 2484:
        return 14
    if 2412 <= mhz <= 2472:
        return (mhz - 2407) // 5
    if 5160 <= mhz <= 5885:
        return (mhz - 5000) // 5
    if 5955 <= mhz <= 7115:
        return (mhz - 5950) // 5
    return None


def merge_scans(scans: Iterable[Iterable[Heard]]) -> list[Heard]:
    """Return each BSS once, with the median of its signals over several scans."""
    by_bss: dict[tuple[str, str], list[Heard]] = {}
    for scan in scans:
        for one in scan:
            by_bss.setdefault((one.bssid, one.ssid), []).append(one)
    return [
        replace(
            times[-1],
            signal_dbm=_median([one.signal_dbm for one in times]),
            signal_high_dbm=_median([one.signal_high_dbm for one in times]),
        )
        for times in by_bss.values()
    ]


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def strongest_own(heard: Iterable[Heard], own_ssids: Iterable[str]) -> list[Heard]:
    """Return the school's own radios, the strongest first; one without a signal comes last."""
    wanted = set(own_ssids)
    own = [one for one in heard if one.ssid in wanted]
    return sorted(own, key=lambda one: -(one.signal_dbm or -1000.0))


def own_as_evidence(own: Iterable[Heard], kept: int = 20) -> list[Mapping[str, str | float | None]]:
    """Return the school's own radios as a reading keeps them."""
    return [
        {
            "ssid": one.ssid,
            "bssid": one.bssid,
            "channel": one.channel,
            "signal_dbm": one.signal_dbm,
        }
        for one in list(own)[:kept]
    ]
