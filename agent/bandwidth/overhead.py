"""From TCP payload to line rate: what a shaper, a port counter or a contract counts.

Line rate here counts Ethernet frames without preamble, inter-frame gap and FCS, which is what tc
and ifHCInOctets-like software counters see. A full frame carries `mss` payload bytes in
`mss + headers` bytes: 1448 in 1514 for 1500-byte IPv4 with TCP timestamps.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.bandwidth.tcp_info import TcpInfo

ETHERNET_BYTES = 14
IP_BYTES = {4: 20, 6: 40}
TCP_BYTES = 20
TIMESTAMP_BYTES = 12
USUAL_MSS_BYTES = 1448
MAX_ETHERNET_MSS_BYTES = 9216
"""Larger segments exist only inside one machine (loopback: 64 KiB)."""


class Overhead(NamedTuple):
    """The conversion used and where it came from. `assumed` when the system did not tell."""

    payload_bytes: int
    frame_bytes: int
    assumed: bool

    @property
    def factor(self) -> float:
        """Line rate ÷ payload rate."""
        return self.frame_bytes / self.payload_bytes


def overhead(info: TcpInfo | None, ip_version: int) -> Overhead:
    """Return the overhead of full segments on this path."""
    headers = ETHERNET_BYTES + IP_BYTES[ip_version] + TCP_BYTES
    if info is None or not info.send_mss_bytes:
        payload = USUAL_MSS_BYTES - (IP_BYTES[ip_version] - IP_BYTES[4])
        return Overhead(payload, payload + headers + TIMESTAMP_BYTES, assumed=True)
    options = TIMESTAMP_BYTES if info.timestamps else 0
    payload = info.send_mss_bytes
    return Overhead(payload, payload + headers + options, assumed=False)
