"""Recorded outputs, real servers on loopback, and real shaped lines for the backends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from collector.speedtest.command import build_server
from collector.speedtest.server import MeasurementServer

HERE = Path(__file__).parent
Measure = Callable[..., dict[str, Any]]


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """Return a reader of outputs that the real tools gave."""
    return lambda name: (HERE / "data" / name).read_bytes()


@pytest.fixture
def measurement_server() -> Iterator[MeasurementServer]:
    """Serve the project's own measurement server, open, on a free port."""
    server = build_server("127.0.0.1", 0, None, open=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def librespeed_like() -> Iterator[Callable[[str], str]]:
    """Return a starter of foreign LibreSpeed servers by framing; it returns the address."""
    processes: list[subprocess.Popen[str]] = []

    def start(framing: str) -> str:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "librespeed_like.py"), "127.0.0.1", framing],
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=5)


@pytest.fixture
def shaped(netlab: ModuleType, tmp_path: Path) -> Iterator[Measure]:
    """Yield a function that measures a real line of 100 Mbit/s down and 40 up at 10 ms.

    It starts the server command on the far side and runs the agent's command on this side.
    """
    with netlab.lab(netlab.Link(100.0, 40.0, 10.0)) as lab:

        def measure(backend: str, server: str, serve: list[str], *options: str) -> dict[str, Any]:
            port = int(server.rpartition(":")[2])
            netlab.await_listening(lab.start(lab.server(*serve)), port)
            done = subprocess.run(
                lab.client(
                    sys.executable, "-m", "agent", "bandwidth", "--backend", backend,
                    "--server", server, "--state", str(tmp_path), "--format", "json", *options,
                ),
                check=False, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            document: dict[str, Any] = json.loads(done.stdout)
            return document

        yield measure
