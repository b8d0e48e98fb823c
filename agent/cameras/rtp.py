"""Finds the parameter set in a stream of RTP packets (RFC 3550, RFC 6184, RFC 7798). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.cameras.sps import H265, PictureSize, SpsError, is_sps, picture_size

_H264_BUNDLE, _H264_FRAGMENT = 24, 28
_H265_BUNDLE, _H265_FRAGMENT = 48, 49
_MAX_UNIT_BYTES = 64 * 1024


class ParameterSetFinder:
    """Takes packets in order; lost or broken ones are passed over."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._fragment = bytearray()

    def feed(self, packet: bytes) -> PictureSize | None:
        """Return the picture's size once a packet completes a parameter set, else None."""
        for unit in self._units(payload_of(packet)):
            if is_sps(self._codec, unit):
                try:
                    return picture_size(self._codec, unit)
                except SpsError:
                    continue
        return None

    def _units(self, payload: bytes) -> Iterator[bytes]:
        head = 2 if self._codec == H265 else 1
        if len(payload) <= head:
            return
        kind = (payload[0] >> 1) & 0x3F if self._codec == H265 else payload[0] & 0x1F
        if kind in ((_H265_BUNDLE,) if self._codec == H265 else (_H264_BUNDLE,)):
            yield from _unbundle(payload[head:])
        elif kind == (_H265_FRAGMENT if self._codec == H265 else _H264_FRAGMENT):
            yield from self._join(payload, head)
        else:
            yield payload

    def _join(self, payload: bytes, head: int) -> Iterator[bytes]:
        """Yield the unit that this fragment completes (RFC 6184 §5.8, RFC 7798 §4.4.3)."""
        flags, content = payload[head], payload[head + 1 :]
        if flags & 0x80:
            if self._codec == H265:
                first = (payload[0] & 0x81) | ((flags & 0x3F) << 1)
                self._fragment = bytearray((first, payload[1]))
            else:
                self._fragment = bytearray(((payload[0] & 0xE0) | (flags & 0x1F),))
        if self._fragment and len(self._fragment) < _MAX_UNIT_BYTES:
            self._fragment += content
            if flags & 0x40:
                yield bytes(self._fragment)
                self._fragment = bytearray()


def payload_of(packet: bytes) -> bytes:
    """Return what an RTP packet carries, empty where it is none (RFC 3550 §5.1)."""
    if len(packet) < 12 or packet[0] >> 6 != 2:
        return b""
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10 and len(packet) >= start + 4:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    return packet[start:end] if start < end else b""


def _unbundle(data: bytes) -> Iterator[bytes]:
    while len(data) > 2:
        size = int.from_bytes(data[:2])
        yield data[2 : 2 + size]
        data = data[2 + size :]
