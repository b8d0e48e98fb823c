"""What the measurement server serves: `server` has the list."""

from __future__ import annotations

import http
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collector.speedtest.host import busy_s
from collector.speedtest.mini_server import RECOGNITION, UPLOAD_CHECK, picture_bytes
from collector.speedtest.sessions import SessionError
from collector.speedtest.tcp_info import sums
from collector.speedtest.tokens import TokenError
from collector.speedtest.transfers import (
    CONGESTION_HEADER,
    Transfers,
    plain_address,
    use_congestion_control,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRESS_S = 0.01
LINES_PER_WRITE = 5
"""While downloading, progress shares the line with the test: fewer, larger packets."""


class Handler(Transfers):
    """One connection: the addresses, and the sessions."""

    def do_OPTIONS(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer a browser's pre-flight."""
        self.answer(http.HTTPStatus.NO_CONTENT, {})

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Serve garbage, ping, address, progress and status."""
        self._route({
            "garbage": self.send_garbage,
            "empty": self.ping,
            "getip": self.tell_address,
            "progress": self._progress,
            "moved": self._tell_moved,
            "status": self._status,
            "latency.txt": lambda: self.text(RECOGNITION),
            "upload": lambda: self.text(UPLOAD_CHECK),
        })  # fmt: skip

    def do_HEAD(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer checks of proxies and load balancers: something serves here."""
        self.answer(http.HTTPStatus.OK, {"Content-Length": "0"})

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        """Open a session or swallow an upload."""
        self._route({
            "empty": self.swallow,
            "upload": self.swallow,
            "session": self._open,
            "congestion": self._use_congestion_control,
        })  # fmt: skip

    def do_DELETE(self) -> None:  # noqa: N802 - the name that http.server calls
        """End a session."""
        self._route({"session": self._end})

    def _route(self, routes: Mapping[str, Any]) -> None:
        name = urlsplit(self.path).path.rstrip("/").rpartition("/")[2].lower().removesuffix(".php")
        action = routes.get(name)
        picture = picture_bytes(name) if action is None and self.command == "GET" else None
        try:
            if picture is not None:
                self.send_random(picture)
            else:
                (action or self._nothing_here)()
        except SessionError as error:
            self.problem(error)

    def _nothing_here(self) -> None:
        raise SessionError(404, "not_found", "no such address on a measurement server")

    def _open(self) -> None:
        self.discard_body()
        spender = self.server.spender
        if spender is None:
            limits = self.server.limits
            bounds: tuple[str, float, int, str | None] = (
                self.client_address[0], limits.session_seconds, limits.session_bytes, None,
            )  # fmt: skip
        else:
            token = self._bearer()
            if self.server.sessions.running >= self.server.limits.sessions:
                # Refuse before spending, so that the same token may be tried again.
                raise SessionError(429, "server_busy", "another test is running", 5)
            try:
                grant = spender.spend(token)
            except TokenError as error:
                raise SessionError(401, error.reason, error.detail) from error
            bounds = (grant.school_id, grant.max_seconds, grant.max_bytes, grant.jti)
        session = self.server.sessions.open(*bounds)
        facts = self.server.facts
        self.json(201, {
            "session": session.id,
            "server": self.server.identity,
            "host": facts.host_id,
            "port_mbps": facts.port_mbps,
            "cpu_used_ratio": self.server.cpu.used_ratio(),
            "max_seconds": session.ends_at - session.opened_at,
            "max_bytes": session.max_bytes,
            "address": plain_address(self.client_address[0]),
        })  # fmt: skip

    def _bearer(self) -> str:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise SessionError(
                401, "slot_token_missing", "ask the collector for a slot and send its token"
            )
        return token.strip()

    def _tell_moved(self) -> None:
        """Tell the collector, and nobody else, what the session of a slot has moved."""
        spender = self.server.spender
        if spender is None:
            raise SessionError(404, "not_found", "an open server knows no slots")
        try:
            slot_id = spender.asked_about(self._bearer())
        except TokenError as error:
            raise SessionError(401, error.reason, error.detail) from error
        moved, is_over = self.server.sessions.moved(slot_id)
        self.json(200, {"moved_bytes": moved, "is_over": is_over})

    def _end(self) -> None:
        session = self.server.sessions.find(self.session_id())
        delivered, again, out, rtt_us = sums(session.tcp_infos())
        # Before the answer: whoever has it may open the next session.
        self.server.sessions.close(session)
        self.json(200, {
            "sent_bytes": session.sent_bytes,
            "uploaded_bytes": session.uploaded_bytes,
            "cpu_used_ratio": self.server.cpu.used_ratio(),
            "delivered_bytes": delivered,
            "retransmitted_segments": again,
            "data_segments_out": out,
            "rtt_us": rtt_us,
        })  # fmt: skip

    def _progress(self) -> None:
        """Report every 10 ms what the server sees.

        A line: µs, bytes arrived, bytes delivered, retransmitted and sent segments,
        median RTT in µs, busy µs of this host (mean of its cores). The time is this session's and
        this server's clock.
        """
        session = self.server.sessions.find(self.session_id())
        self.close_connection = True
        self.head(200, {"Content-Type": "text/plain", "Connection": "close"})
        self.stay(session)
        lines: list[bytes] = []
        while not session.ended.wait(PROGRESS_S):
            uploaded, now = session.uploaded_bytes, time.monotonic()
            lines.append(
                b"%d %d %d %d %d %d %d\n"
                % (
                    (now - session.opened_at) * 1e6,
                    uploaded,
                    *sums(session.tcp_infos()),
                    busy_s() * 1e6,
                )
            )
            if uploaded or len(lines) >= LINES_PER_WRITE:
                self.wfile.write(b"".join(lines))
                lines.clear()
            if now >= session.ends_at:
                return

    def _use_congestion_control(self) -> None:
        self.discard_body()
        session = self.server.sessions.find(self.session_id())
        for flow in list(session.flows):
            use_congestion_control(flow.sock, self.headers.get(CONGESTION_HEADER, ""))
        self.answer(http.HTTPStatus.NO_CONTENT, {})

    def _status(self) -> None:
        self.json(200, {
            "server": self.server.identity,
            "sessions": self.server.sessions.running,
            "port_mbps": self.server.facts.port_mbps,
            "cpu_used_ratio": self.server.cpu.used_ratio(),
            "refused": dict(self.server.refused),
        })  # fmt: skip
