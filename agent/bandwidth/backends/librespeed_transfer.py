"""Moving bytes to and from a LibreSpeed server of others."""

from __future__ import annotations

import os
import socket
import statistics
import time

from agent.bandwidth import tcp_info
from agent.bandwidth.backends.librespeed_conversation import ForeignMover, Line, acked_bytes
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.flows import Flow, must_wait, use_congestion_control
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan
from agent.bandwidth.tcp_sums import add_up
from agent.bandwidth.transfer import (
    BUFFER_BYTES,
    CHUNKS,
    NORMAL_CONGESTION,
    SLICE_S,
    OnSlice,
    Transfer,
)

FIRST_POST_BYTES = 256 * 1024
MAX_POST_BYTES = 16 * 1024 * 1024
"""LibreSpeed asks of its servers to accept 20 MB."""
FINISH_S = 15.0
"""To finish the POSTs under way; each is at most as large as all before it on its connection."""
MAX_LAG_S, MAX_LAG_SHARE = 0.3, 0.1
"""An answer later than this after the last delivered byte: a box on the way had taken it early."""


class ForeignDownload(ForeignMover):
    """Receives; counts what arrived in the answers' bodies."""

    def __init__(
        self, session: Session, flows: list[Flow], pinger: Pinger, side: socket.socket
    ) -> None:
        self._total = 0
        super().__init__(session, flows, pinger, side)

    def turn(self) -> int:
        """Empty all sockets once."""
        moved = sum(self._receive(line) for line in self._lines)
        self._total += moved
        return moved

    def note(self) -> None:
        """Note the own count, side traffic included."""
        now = time.monotonic()
        if self._total and (not self._received or now - self._received[-1].t_s >= SLICE_S):
            self._received.append(Slice(now, self._total + self._side_bytes))

    @property
    def side_frame_bytes(self) -> int:
        """Answers to pings."""
        return self._pinger.received_frame_bytes

    def _begin(self, line: Line) -> None:
        name = f"/garbage{self._session.suffix}?ckSize={CHUNKS}&r={os.urandom(4).hex()}"
        self._request(line, "GET", name, 0)

    def _answered(self, line: Line) -> None:
        """Nothing to note: bodies are counted as they arrive."""


class ForeignUpload(ForeignMover):
    """Sends POSTs that grow; counts what the kernel knows to be delivered, and has it confirmed."""

    def __init__(
        self, session: Session, flows: list[Flow], pinger: Pinger, side: socket.socket
    ) -> None:
        if session.where.proxy or tcp_info.of(flows[0].sock) is None:
            raise MeasurementError(
                "upload_not_counted",
                "nobody says what arrived: the server does not count"
                + (", and the proxy answers for it" if session.where.proxy else ""),
            )
        self._closed_bytes = 0
        self._lags_s: list[float] = []
        self._is_finishing = False
        super().__init__(session, flows, pinger, side)
        self._buffer[:] = os.urandom(BUFFER_BYTES)
        for flow in flows:
            use_congestion_control(flow, NORMAL_CONGESTION)

    def run(self, plan: Plan, rtt_s: float, on_slice: OnSlice | None = None) -> Transfer:
        """Move until the plan says stop, then have everything confirmed.

        Raises MeasurementError upload_not_counted where that does not happen in time.
        """
        done = super().run(plan, rtt_s, on_slice)
        self._is_finishing = True
        ends_at = time.monotonic() + FINISH_S
        while any(line.size for line in self._lines):
            self.turn()
            if time.monotonic() > ends_at:
                raise MeasurementError(
                    "upload_not_counted", f"unanswered POSTs {FINISH_S:.0f} s after the end"
                )
            time.sleep(0.002)
        lag_s = statistics.median(self._lags_s)
        if lag_s > max(MAX_LAG_S + 2 * rtt_s, MAX_LAG_SHARE * done.seconds):
            raise MeasurementError(
                "upload_not_counted",
                f"answers came {lag_s:.2f} s after delivery: a box on the way takes data early",
            )
        return done

    def turn(self) -> int:
        """Fill all sockets and read answers; returns bytes taken by the kernel."""
        return sum(self._move(line) for line in self._lines)

    def note(self) -> None:
        """Note what is delivered by now."""
        now = time.monotonic()
        if self._received and now - self._received[-1].t_s < SLICE_S:
            return
        infos = [info for line in self._lines if (info := tcp_info.of(line.flow.sock))]
        self._sums = add_up(infos)
        total = self._closed_bytes + self._sums.delivered_bytes
        if total:
            self._received.append(Slice(now, total + self._side_bytes))

    @property
    def side_frame_bytes(self) -> int:
        """Pings."""
        return self._pinger.sent_frame_bytes

    def switch_congestion(self, name: str) -> None:
        """Set it on the own sockets."""
        for flow in self._flows:
            use_congestion_control(flow, name)

    def _move(self, line: Line) -> int:
        sent = 0
        while line.left:
            try:
                count = line.flow.sock.send(self._buffer[: min(line.left, BUFFER_BYTES)])
            except OSError as error:
                if must_wait(error):
                    break
                self._receive(line)  # what the server said counts more than the broken pipe
                raise MeasurementError("server_gone", str(error), transient=True) from error
            line.left -= count
            sent += count
        if line.size and not line.left and line.sent_at is None:
            acked = acked_bytes(line.flow.sock)
            if acked - line.acked_before >= line.size:
                line.sent_at = time.monotonic()
        if line.size:
            self._receive(line)
        return sent

    def _begin(self, line: Line) -> None:
        if self._is_finishing:
            line.size = line.left = 0
            return
        line.size = min(max(FIRST_POST_BYTES, 2 * line.size), MAX_POST_BYTES)
        line.left, line.sent_at = line.size, None
        line.acked_before = acked_bytes(line.flow.sock)
        name = f"/empty{self._session.suffix}?r={os.urandom(4).hex()}"
        self._request(line, "POST", name, line.size)

    def _answered(self, line: Line) -> None:
        if line.left:
            raise MeasurementError(
                "upload_not_counted", "the server answered before it had the whole upload"
            )
        self._lags_s.append(time.monotonic() - line.sent_at if line.sent_at else 0.0)

    def _checked(self, headers: dict[str, str]) -> dict[str, str]:
        """Leave the type out: of an answer to an upload only its coming matters."""
        return {name: value for name, value in headers.items() if name != "content-type"}

    def _reconnect(self, line: Line) -> None:
        self._closed_bytes += acked_bytes(line.flow.sock)
        super()._reconnect(line)
        use_congestion_control(line.flow, self.congestion)
