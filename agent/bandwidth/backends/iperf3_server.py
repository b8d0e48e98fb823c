"""The other side of an iperf3 test: answers a few tests, for a bounded time, then ends."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable

from agent.bandwidth.backends.iperf3 import PACKAGE
from agent.bandwidth.errors import MeasurementError


def answer(
    port: int, *, address: str | None, tests: int, minutes: float, say: Callable[[str], object]
) -> int:
    """Answer up to `tests` tests on `port` within `minutes`; returns how many were answered.

    Each test gets a server of its own (`iperf3 -s -1`), so that nothing keeps listening. Raises
    MeasurementError tool_missing, and port_taken where it cannot listen.
    """
    program = shutil.which("iperf3")
    if program is None:
        raise MeasurementError("tool_missing", f"iperf3 is not installed: {PACKAGE}")
    command = [program, "-s", "-1", "-p", str(port), *(["-B", address] if address else [])]
    ends_at = time.monotonic() + minutes * 60
    for number in range(tests):
        began = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - a fixed program with checked arguments
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                output, _ = process.communicate(timeout=max(0.0, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                return number
            finally:
                process.kill()
        if process.returncode != 0 and time.monotonic() - began < 1.0:
            said = output.decode(errors="replace").strip().splitlines()
            raise MeasurementError("port_taken", f"iperf3: {said[-1] if said else 'no word'}")
        say(f"{number + 1}/{tests}")
    return tests
