"""Linux' struct tcp_info, read from bytes: what the kernel knows about a connection.

Layout: include/uapi/linux/tcp.h; fields are only appended there, so a short struct from an older
kernel yields None for what it lacks. RFC 4898 names the statistics.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

STRUCT_BYTES = 256
_MSS = (16, "I")
_RCV_MSS = (20, "I")
_SACKED = (28, "I")
_RTT_US = (68, "I")
_TOTAL_RETRANS = (100, "I")
_BYTES_ACKED = (120, "Q")
_BYTES_RECEIVED = (128, "Q")
_SEGS_OUT = (136, "I")
_MIN_RTT_US = (148, "I")
_DATA_SEGS_IN = (152, "I")
_DATA_SEGS_OUT = (156, "I")
_BUSY_US = (168, "Q")
_RWND_LIMITED_US = (176, "Q")
_SNDBUF_LIMITED_US = (184, "Q")
_OPTIONS = (5, "B")
_TIMESTAMPS = 1


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """One connection's statistics; None where the kernel does not tell.

    `send_mss_bytes` and `receive_mss_bytes` are payload bytes per full segment, TCP options
    taken off already.
    """

    timestamps: bool
    send_mss_bytes: int | None
    receive_mss_bytes: int | None
    rtt_s: float | None
    min_rtt_s: float | None
    sacked_segments: int | None
    retransmitted_segments: int | None
    data_segments_in: int | None
    data_segments_out: int | None
    bytes_acked: int | None
    bytes_received: int | None
    busy_s: float | None
    receive_window_limited_s: float | None
    send_buffer_limited_s: float | None


def parse(data: bytes) -> TcpInfo:
    """Read the struct; raises ValueError when it is too short to be one."""
    if len(data) < 104:
        raise ValueError(f"struct tcp_info of {len(data)} bytes")

    def get(field: tuple[int, str], scale: float = 1.0) -> float | None:
        offset, kind = field
        if offset + struct.calcsize(kind) > len(data):
            return None
        value: int = struct.unpack_from("=" + kind, data, offset)[0]
        return value * scale

    def count(field: tuple[int, str]) -> int | None:
        value = get(field)
        return None if value is None else int(value)

    micro = 1e-6
    min_rtt_s = get(_MIN_RTT_US, micro)
    return TcpInfo(
        timestamps=bool((count(_OPTIONS) or 0) & _TIMESTAMPS),
        send_mss_bytes=count(_MSS),
        receive_mss_bytes=count(_RCV_MSS),
        rtt_s=get(_RTT_US, micro) or None,
        # The kernel writes ~0 while it has no sample yet.
        min_rtt_s=min_rtt_s if min_rtt_s and min_rtt_s < 4000 else None,
        sacked_segments=count(_SACKED),
        retransmitted_segments=count(_TOTAL_RETRANS),
        data_segments_in=count(_DATA_SEGS_IN),
        data_segments_out=count(_DATA_SEGS_OUT),
        bytes_acked=count(_BYTES_ACKED),
        bytes_received=count(_BYTES_RECEIVED),
        busy_s=get(_BUSY_US, micro),
        receive_window_limited_s=get(_RWND_LIMITED_US, micro),
        send_buffer_limited_s=get(_SNDBUF_LIMITED_US, micro),
    )


def of(sock: socket.socket) -> TcpInfo | None:
    """Return the statistics of `sock`, or None where the system keeps none."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, STRUCT_BYTES))
    except (OSError, ValueError):
        return None
