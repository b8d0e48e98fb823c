"""Running a measuring program of others as a child: bounded, followed, and with evidence.

The program's own count is its result. What the host can say about the same seconds (its
interface's counters, its processor) is evidence, shows progress, and stops a test that has used
up its bytes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from agent.bandwidth.backends.base import Request
from agent.bandwidth.engine import Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.host import Interface, Meters, host_id, interface_of, is_same_host, read_meters
from agent.bandwidth.slices import Slice
from agent.bandwidth.verdict import Evidence
from agent.reading import Json

POLL_S = 0.1
CHART_STEPS = 40
END_S = 5.0
"""How long a program may take to tidy up after it was asked to stop."""
MAX_OUTPUT_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left. `stopped_early` when its bytes were used up before its time."""

    output: bytes
    errors: str
    exit_code: int
    stopped_early: bool


@dataclass(frozen=True, slots=True)
class Path:
    """The way to a server as this host's routes have it."""

    host: str
    port: int
    source: str
    peer: str
    interface: Interface | None

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.peer else 4

    @property
    def is_same_host(self) -> bool:
        """Whether the server is this very host."""
        return is_same_host(self.source, self.peer, None, host_id())


def find_path(host: str, port: int, source: str | None) -> Path:
    """Return the way to `host` without sending anything.

    Raises MeasurementError: name_unknown, source_address_missing, server_unreachable.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise MeasurementError("name_unknown", f"{host}: {error}", transient=True) from error
    with socket.socket(family, kind) as sock:
        try:
            if source:
                sock.bind((source, 0))
        except OSError as error:
            raise MeasurementError(
                "source_address_missing", f"this host has no address {source}"
            ) from error
        try:
            sock.connect(address)
        except OSError as error:
            raise MeasurementError(
                "server_unreachable", f"{host}: {error}", transient=True
            ) from error
        own = str(sock.getsockname()[0])
    return Path(host, port, own, str(address[0]), interface_of(own))


class Watch:
    """Follows one direction of a test on `path` by the counters of this host."""

    def __init__(self, path: Path, direction: Direction) -> None:
        self._path = path
        self._down = direction is Direction.DOWNLOAD
        self._name = path.interface.name if path.interface else None
        self.slices: list[Slice] = []
        self._before = self._read()
        self._after = self._before
        self._children_before_s = _children_cpu_s()

    @property
    def seconds(self) -> float:
        """How long it has watched."""
        return self._after.at_s - self._before.at_s

    def look(self) -> int | None:
        """Note the counter now; returns bytes since the start, None where nobody counts."""
        self._after = self._read()
        first, last = self._bytes(self._before), self._bytes(self._after)
        if first is None or last is None:
            return None
        self.slices.append(Slice(self._after.at_s, max(0, last - first)))
        return self.slices[-1].total_bytes

    def evidence(
        self, own_bytes: float, *, line_rate_mbps: float, margin_ratio: float, converged: bool
    ) -> Evidence:
        """Return what was seen; `own_bytes` are the test's own, in frames."""
        elapsed_s = max(self.seconds, 1e-6)
        busiest = None
        if self._before.core_busy_s and self._after.core_busy_s:
            pairs = zip(self._before.core_busy_s, self._after.core_busy_s, strict=True)
            busiest = max(b - a for a, b in pairs) / elapsed_s
        all_bytes = self.slices[-1].total_bytes if self.slices else 0
        interface = self._path.interface
        return Evidence(
            line_rate_mbps=line_rate_mbps,
            margin_ratio=margin_ratio,
            converged=converged,
            same_host=self._path.is_same_host,
            interface_kind=interface.kind if interface else None,
            interface_mbps=interface.speed_mbps if interface else None,
            busiest_core_ratio=busiest,
            own_core_ratio=(_children_cpu_s() - self._children_before_s) / elapsed_s,
            other_traffic_share=max(0.0, 1 - own_bytes / all_bytes) if all_bytes else None,
        )

    def _read(self) -> Meters:
        return read_meters(time.monotonic(), self._name)

    def _bytes(self, meters: Meters) -> int | None:
        return meters.received_bytes if self._down else meters.sent_bytes


def run_tool(
    command: Sequence[str],
    watch: Watch,
    request: Request,
    direction: Direction,
    *,
    timeout_s: float,
    say: bytes = b"",
) -> Finished:
    """Run `command` to its end, or ask it to stop when the direction's bytes are used up.

    `say` goes to its standard input: secrets never stand in arguments. The child stays in this
    process group, so it dies with a probe that is ended. Raises MeasurementError `tool_missing`,
    and `tool_failed` when it neither ends nor stops.
    """
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryFile() as given,
    ):
        given.write(say)
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed program with checked arguments
                command, stdin=given, stdout=output, stderr=errors
            )
        except OSError as error:
            raise MeasurementError("tool_missing", f"{command[0]}: {error}") from error
        ends_at = time.monotonic() + timeout_s
        stopped_early = False
        try:
            while process.poll() is None and time.monotonic() < ends_at:
                moved = watch.look()
                if request.progress and len(watch.slices) > 1:
                    request.progress(direction.value, watch.slices)
                if moved is not None and moved > request.caps.max_bytes and not stopped_early:
                    stopped_early = True
                    process.send_signal(signal.SIGINT)
                    ends_at = min(ends_at, time.monotonic() + END_S)
                time.sleep(POLL_S)
        finally:
            late = process.poll() is None
            if late:
                process.kill()
            process.wait(END_S)
        watch.look()
        if late:
            raise MeasurementError(
                "tool_failed", f"{command[0]} did not end within {timeout_s:.0f} s", transient=True
            )
        output.seek(0)
        errors.seek(0)
        return Finished(
            output.read(MAX_OUTPUT_BYTES),
            errors.read(MAX_ERROR_BYTES).decode(errors="replace").strip(),
            process.returncode,
            stopped_early,
        )


def numbers(seen: Evidence) -> dict[str, Json]:
    """Return the numbers behind a verdict as far as they are known."""
    return {
        name: round(value, 5)
        for name in (
            "busiest_core_ratio", "own_core_ratio", "server_core_ratio", "other_traffic_share",
            "retransmit_share", "variation_ratio", "interface_mbps",
        )
        if (value := getattr(seen, name)) is not None
    }  # fmt: skip


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system
