"""Linux' struct tcp_info, read from bytes: what the kernel knows about a connection.

Layout: include/uapi/linux/tcp.h; fields are only appended there, so a short struct from an older
kernel yields None for what it lacks. RFC 4898 names the statistics.
"""

from __future__ import annotations

import socket
import struct
from bisect import bisect_right
from typing import NamedTuple

STRUCT_BYTES = 256
LEAST_BYTES = 104
NO_RTT_US = 4_000_000_000
_TIMESTAMPS = 1
_LAYOUT = struct.Struct("=5xB10xII4xI36xI28xI16xQQI8xIII8xQQQ")
"""One call for all fields: with 16 connections every 5 ms, field by field is half of the work."""
_ENDS = (6, 20, 24, 32, 72, 104, 128, 136, 140, 152, 156, 160, 176, 184, 192)
"""Where each of the fields ends."""


class TcpInfo(NamedTuple):
    """One connection's statistics, in the struct's order; None where the kernel does not tell.

    `send_mss_bytes` and `receive_mss_bytes` are payload bytes per full segment, TCP options
    taken off already.
    """

    timestamps: bool
    send_mss_bytes: int | None
    receive_mss_bytes: int | None
    sacked_segments: int | None
    rtt_s: float | None
    retransmitted_segments: int | None
    bytes_acked: int | None
    bytes_received: int | None
    segments_out: int | None
    """Also those that carried only an acknowledgement."""
    min_rtt_s: float | None
    data_segments_in: int | None
    data_segments_out: int | None
    busy_s: float | None
    receive_window_limited_s: float | None
    send_buffer_limited_s: float | None


def parse(data: bytes) -> TcpInfo:
    """Read the struct; raises ValueError when it is too short to be one."""
    if len(data) < LEAST_BYTES:
        raise ValueError(f"struct tcp_info of {len(data)} bytes")
    fields: tuple[int | None, ...] = _LAYOUT.unpack_from(data.ljust(_LAYOUT.size, b"\0"))
    told = bisect_right(_ENDS, len(data))
    if told < len(fields):
        fields = fields[:told] + (None,) * (len(fields) - told)
    (options, send_mss, receive_mss, sacked, rtt_us, again, acked, received, all_out,
     min_rtt_us, segments_in, segments_out, busy_us, window_us, buffer_us) = fields  # fmt: skip
    return TcpInfo(
        bool((options or 0) & _TIMESTAMPS),
        send_mss,
        receive_mss,
        sacked,
        rtt_us * 1e-6 if rtt_us else None,
        again,
        acked,
        received,
        all_out,
        # The kernel writes ~0 while it has no sample yet.
        min_rtt_us * 1e-6 if min_rtt_us and min_rtt_us < NO_RTT_US else None,
        segments_in,
        segments_out,
        _seconds(busy_us),
        _seconds(window_us),
        _seconds(buffer_us),
    )


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros * 1e-6


def of(sock: socket.socket) -> TcpInfo | None:
    """Return the statistics of `sock`, or None where the system keeps none."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, STRUCT_BYTES))
    except (OSError, ValueError):
        return None
