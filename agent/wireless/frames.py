"""Captured 802.11 frames, dissected by scapy: beacons become `Heard`, devices become counts.

Only beacons and probe responses are dissected. scapy takes 0.4 ms for each, and a busy classroom
sends 500 frames a second, so the two bytes that say what a frame is are looked at first.

Sources: radiotap.org (header length at offset 2, little endian); IEEE 802.11-2020, 9.2.4.1 (frame
control), 9.4.2.2 (SSID), 9.4.2.4 (DSSS channel), 9.4.2.27 (BSS Load), 9.4.2.56 (HT Operation).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from agent.wireless.heard import NULL_ADDRESS, Heard, channel_of_mhz, decode_ssid

RADIOTAP, PLAIN = 127, 105
"""Link types of libpcap: 802.11 with and without a radiotap header."""
_BEACON, _PROBE_RESPONSE, _PROBE_REQUEST = 0x80, 0x50, 0x40
_SSID, _DSSS, _BSS_LOAD, _HT_OPERATION = 0, 3, 11, 61
BAD_FCS = 0x40
"""Radiotap Flags: the frame failed its checksum, so none of its bytes can be trusted."""
DEVICES_COUNTED = 100_000
RADIOS_KEPT = 2000


@dataclass(slots=True)
class _Radio:
    ssid: str = ""
    channel: int | None = None
    busy_ratio: float | None = None
    stations: int | None = None
    signals: list[float] = field(default_factory=list)
    noises: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Capture:
    """What a capture holds so far. Addresses of devices are only ever kept as salted digests."""

    frames: int = 0
    beacons: int = 0
    broken: int = 0
    """Frames with a wrong checksum, or too short for what they say they are."""
    _radios: dict[str, _Radio] = field(default_factory=dict)
    _devices: set[bytes] = field(default_factory=set)
    _salt: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def devices(self) -> int:
        """Distinct addresses that looked for a network; phones change theirs, so no head count."""
        return len(self._devices)

    def heard(self) -> list[Heard]:
        """Return each radio with the median of its signals."""
        return [
            Heard(
                bssid,
                one.ssid,
                one.channel,
                median(one.signals) if one.signals else None,
                busy_ratio=one.busy_ratio,
                stations=one.stations,
            )
            for bssid, one in self._radios.items()
        ]

    def noise_dbm_by_channel(self) -> dict[int, float]:
        """Return the median noise by channel, where the card wrote it into the frames."""
        found: dict[int, list[float]] = {}
        for one in self._radios.values():
            if one.channel is not None and one.noises:
                found.setdefault(one.channel, []).extend(one.noises)
        return {channel: median(levels) for channel, levels in found.items()}

    def add(self, raw: bytes, link_type: int) -> None:
        """Take in one frame; one that cannot be read is counted as broken."""
        self.frames += 1
        start = int.from_bytes(raw[2:4], "little") if link_type == RADIOTAP else 0
        if len(raw) < start + 24 or (link_type == RADIOTAP and start < 8):
            self.broken += len(raw) < start + 10 or start < 8 < len(raw)
            return
        kind = raw[start]
        if kind == _PROBE_REQUEST and len(self._devices) < DEVICES_COUNTED:
            sender = raw[start + 10 : start + 16]
            self._devices.add(hashlib.blake2b(sender, key=self._salt, digest_size=8).digest())
        elif kind in (_BEACON, _PROBE_RESPONSE):
            self._add_beacon(raw, link_type)

    def _add_beacon(self, raw: bytes, link_type: int) -> None:
        from scapy.error import Scapy_Exception
        from scapy.layers.dot11 import Dot11, RadioTap

        try:
            packet: Any = RadioTap(raw) if link_type == RADIOTAP else Dot11(raw)
            frame: Any = packet if link_type == PLAIN else packet.getlayer(Dot11)
            elements = dict(reversed(list(_elements(frame))))  # the first of a kind counts
            bssid = str(frame.addr3)
        except (Scapy_Exception, ValueError, TypeError, AttributeError, IndexError, KeyError):
            self.broken += 1
            return
        flags = int(getattr(packet, "Flags", 0) or 0) if link_type == RADIOTAP else 0
        if flags & BAD_FCS or bssid == NULL_ADDRESS or _SSID not in elements:
            self.broken += 1
            return
        if bssid not in self._radios and len(self._radios) >= RADIOS_KEPT:
            return
        self.beacons += 1
        _describe(self._radios.setdefault(bssid, _Radio()), packet, elements)


def _elements(frame: Any) -> Iterator[tuple[int, bytes]]:
    """Yield id and content of each information element, from the bytes scapy dissected."""
    from scapy.layers.dot11 import Dot11Elt

    element = frame.getlayer(Dot11Elt)
    for _ in range(256):
        if not isinstance(element, Dot11Elt):
            return
        content = bytes(element.original)[2 : 2 + (element.len or 0)]
        if len(content) == (element.len or 0):
            yield int(element.ID), content
        element = element.payload


def _describe(radio: _Radio, packet: Any, elements: dict[int, bytes]) -> None:
    radio.ssid = decode_ssid(elements[_SSID]) or radio.ssid  # a probe response unhides a name
    channel = elements.get(_DSSS) or elements.get(_HT_OPERATION)
    if channel:
        radio.channel = channel[0]
    elif radio.channel is None:
        # The receiver's frequency: beacons are heard on neighbouring channels too.
        radio.channel = channel_of_mhz(int(getattr(packet, "ChannelFrequency", 0) or 0))
    load = elements.get(_BSS_LOAD, b"")
    if len(load) >= 3:
        radio.stations = int.from_bytes(load[:2], "little")
        radio.busy_ratio = load[2] / 255
    signal = getattr(packet, "dBm_AntSignal", None)
    if signal is not None and -120 <= signal < 0:
        radio.signals.append(float(signal))
    noise = getattr(packet, "dBm_AntNoise", None)
    if noise is not None and -120 <= noise < -30:
        radio.noises.append(float(noise))
