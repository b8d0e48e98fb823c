"""LibreSpeed servers of others: every framing, what an upload needs to count, a real nginx."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.bandwidth import transfer
from agent.bandwidth.backends import librespeed, measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import Caps, Direction
from agent.bandwidth.errors import MeasurementError

Start = Callable[[str], str]
LIKE = Path(__file__).parent / "librespeed_like.py"
DOWN, UP = (Direction.DOWNLOAD,), (Direction.UPLOAD,)
QUICK = Caps(1.0, 10**10)
RATES = (("download", 100.0), ("upload", 40.0))
"""Of the shaped line, which is known to the agent, so that the test is short."""


@pytest.mark.parametrize("framing", ["chunked", "sized", "closing"])
def test_every_framing_of_http_is_followed(librespeed_like: Start, framing: str) -> None:
    """Chunks, files of 20 MB one after the other, a connection for each: a rate both ways.

    Over loopback the only truth is that more than one file was moved and that the rate agrees with
    the bytes; how exact it is a real line shows, below.
    """
    result = measure_with("librespeed", Request(librespeed_like(framing), caps=QUICK))
    assert result.backend == "librespeed"
    for _, part in result.directions():
        assert part.limited_by == ("same_host",)
        assert part.bytes > 20_000_000
        assert part.goodput_mbps == pytest.approx(part.bytes * 8e-6 / part.seconds, rel=0.6)


def test_the_endpoints_are_found_below_the_address(librespeed_like: Start) -> None:
    """`.php` in the folder `backend`, as LibreSpeed is installed."""
    session = librespeed.find_endpoints(endpoint(librespeed_like("sized")))
    assert session.where.path == "/backend"
    assert session.suffix == ".php"
    assert session.id is None


def test_an_upload_answered_before_it_arrived_does_not_count(librespeed_like: Start) -> None:
    """A box that answers for the server takes bytes at its own speed: no number."""
    with pytest.raises(MeasurementError) as caught:
        measure_with(
            "librespeed", Request(librespeed_like("swallowing"), directions=UP, caps=QUICK)
        )
    assert caught.value.reason == "upload_not_counted"


def test_an_upload_that_is_never_answered_does_not_count(
    librespeed_like: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delivered to some kernel, confirmed by nobody: no number."""
    monkeypatch.setattr(transfer, "STALL_S", 1.0)
    with pytest.raises(MeasurementError) as caught:
        measure_with("librespeed", Request(librespeed_like("silent"), directions=UP, caps=QUICK))
    assert caught.value.reason in {"upload_not_counted", "server_gone"}


def test_behind_a_proxy_an_upload_is_not_counted(librespeed_like: Start) -> None:
    """The proxy acknowledges for the server, and the server does not count."""
    address = librespeed_like("sized")
    # The server answers absolute addresses as a proxy would pass them on: it is its own proxy.
    with pytest.raises(MeasurementError) as caught:
        measure_with("librespeed", Request(address, directions=UP, proxy=address, caps=QUICK))
    assert caught.value.reason == "upload_not_counted"
    assert "proxy" in caught.value.detail


def test_something_else_is_not_taken_for_librespeed(librespeed_like: Start) -> None:
    """A wrong folder says what was tried."""
    with pytest.raises(MeasurementError) as caught:
        measure_with("librespeed", Request(librespeed_like("sized") + "/elsewhere"))
    assert caught.value.reason == "not_librespeed"
    assert "/backend/empty.php: HTTP 404" in caught.value.detail


NGINX = """
pid {folder}/pid; error_log {folder}/errors; worker_processes 1; daemon off;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 20m; default_type application/octet-stream;
  server {{
    listen unix:{folder}/unused; listen 127.0.0.1:{port};
    location = /garbage.php {{ root {folder}; }}
    location = /empty.php {{ proxy_pass http://unix:{folder}/empty; }}
  }}
  server {{ listen unix:{folder}/empty; location / {{ return 200; }} }}
}}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """Serve a large file and an upload sink by the real nginx."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        pytest.skip("needs Debian's nginx")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    (tmp_path / "garbage.php").write_bytes(os.urandom(30_000_000))
    tmp_path.chmod(0o755)
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX.format(folder=tmp_path, port=port))
    process = subprocess.Popen([program, "-c", str(file), "-g", "user root;"])
    deadline = time.monotonic() + 10
    with socket.socket() as sock:
        while sock.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_a_real_nginx_serves_as_librespeed_without_a_backend(nginx: str) -> None:
    """A file, and a sink behind nginx's own buffering of requests, which answers at the end."""
    result = measure_with("librespeed", Request(nginx, caps=QUICK))
    assert result.download is not None
    assert result.upload is not None
    for part in (result.download, result.upload):
        assert part.bytes > 20_000_000
        assert part.goodput_mbps == pytest.approx(part.bytes * 8e-6 / part.seconds, rel=0.6)


@pytest.mark.root
def test_a_real_line_within_one_percent(netlab: Any, tmp_path: Path) -> None:
    """100 Mbit/s down and 40 up at 10 ms, chunked answers and confirmed uploads."""
    with netlab.lab(netlab.Link(100.0, 40.0, 10.0)) as lab:
        server = subprocess.Popen(
            lab.server(sys.executable, str(LIKE), "10.77.2.2", "chunked"),
            stdout=subprocess.PIPE,
            text=True,
        )
        lab.processes.append(server)
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        lines = {
            f"10.77.2.2:{port} 10.77.1.2 {name}": {
                "at_s": time.time() - 60,
                "known": {"sustained_bytes_s": rate * 125_000 * netlab.PAYLOAD_SHARE},
            }
            for name, rate in RATES
        }
        (tmp_path / "lines.json").write_text(json.dumps({"version": 1, "lines": lines}))
        done = subprocess.run(
            lab.client(
                sys.executable, "-m", "agent", "bandwidth", "--backend", "librespeed", "--server",
                f"http://10.77.2.2:{port}", "--state", str(tmp_path), "--format", "json",
            ),
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        server.stdout.close()
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    for name, rate in RATES:
        assert document[name]["line_rate_mbps"] == pytest.approx(rate, rel=0.01)
