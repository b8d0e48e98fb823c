"""Probes of a school's equipment, from the device to the finding on the score sheet.

Real probes ask servers on loopback over weeks of a made-up calendar; their readings go over the
wire into a whole collector, and the official rubrics judge them.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.probes.backups import Backups, BackupsSettings, Job
from agent.probes.base import Context
from agent.probes.cameras import Camera, Cameras, CamerasSettings
from agent.probes.ups_nut import NutServer, UpsNut, UpsNutSettings
from agent.probes.website import Site, Website, WebsiteSettings
from agent.reading import Reading
from agent.wire import reading_fields
from collector.domain import Entry, Fact
from collector.scoring.service import ScoringService
from rubrics.loader import load_rubric, official_paths

GENERAL, YUHUATAI = "zhongxian-smart-campus-general", "yuhuatai-informatization-2020"
RUBRICS = {name: load_rubric(official_paths()[name]) for name in (GENERAL, YUHUATAI)}
MONDAY = datetime(2026, 10, 19, 2, tzinfo=UTC)
"""The first of four full teaching weeks; the collector's clock stands in the fifth."""
SPS_1080P = "Z01AKI2NQDwBE/LgLcBAQFAAAD6AAAw1DoYACYFAABfXgu8uNDAATAoAAL68F3lwoA=="
"""A parameter set of 1920x1080 as a camera sends it, cropped from 1088 lines."""


def push(county: Any, golden: dict[str, Any], readings: list[Reading]) -> None:
    """Send the readings as an agent does, and wait until they count."""
    golden["batch_id"] = secrets.token_hex(16)
    golden["sequence"] += 1
    golden["readings"] = [
        {**reading_fields(reading), "sequence": golden["sequence"] * 1000 + number}
        for number, reading in enumerate(readings)
    ]
    answer = county.push(golden)
    assert answer.status_code == 200, answer.text
    county.wait_applied()


def finding(county: Any, rubric: str, item: str, criterion: str) -> tuple[str, str | None]:
    """Return result and reason of one finding of the sheet as it is now."""
    service = ScoringService(county.records, county.series, RUBRICS)
    sheet = json.loads(service.score("zx-001", rubric, county.clock()).sheet_json)
    found = sheet["items"][item]["findings"]
    one = next(one for one in found if one["id"] == criterion)
    return one["result"], one.get("reason")


def enter(county: Any, rubric: str, item: str, name: str, value: Any) -> None:
    """Enter a value for one item."""
    now = county.clock()
    county.records.add_entry(Entry("zx-001", rubric, item, name, value, "teacher", now))


def answering(listener: socket.socket, answer: Callable[[bytes], bytes]) -> threading.Thread:
    """Answer every line or request of every client until the listener is closed."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while said := client.recv(4096):
                    client.sendall(answer(said))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def device() -> Iterator[Callable[[Callable[[bytes], bytes]], int]]:
    """Return a starter of devices that answer by a function; it returns the port."""
    listeners: list[tuple[socket.socket, threading.Thread]] = []

    def start(answer: Callable[[bytes], bytes]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append((listener, answering(listener, answer)))
        return int(listener.getsockname()[1])

    yield start
    for listener, thread in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder as a web site; return folder and address."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, directory=str(folder), **more)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("a_week", "result"), [(11, "met"), (3, "not_met")])
def test_posts_of_a_web_site(
    county: Any,
    golden: dict[str, Any],
    pages: tuple[Path, str],
    tmp_path: Path,
    a_week: int,
    result: str,
) -> None:
    """雨花台 34a: two full teaching weeks are too few, and the third decides."""
    folder, url = pages
    (folder / "index.html").write_text("<title>示例小学</title>")
    site = Site(name="official", url=url, list_urls=(f"{url}news.html",))
    settings = WebsiteSettings(sites=(site,))

    def watch(days: range) -> list[Reading]:
        readings: list[Reading] = []
        for day in days:
            total = 30 + (day // 7) * a_week + (a_week if day % 7 >= 2 else 0)
            rows = (f'<a href="/{n}.html">学校第{n}次活动报道</a>' for n in range(total, 0, -1))
            (folder / "news.html").write_text("".join(rows), encoding="utf-8")
            moment = MONDAY + timedelta(days=day)
            context = Context(now=lambda moment=moment: moment, state_dir=tmp_path)  # type: ignore[misc]
            readings += Website().collect(settings, context)
        return readings

    push(county, golden, watch(range(22)))
    assert finding(county, YUHUATAI, "34", "34a") == ("insufficient", "too_few_weeks")
    push(county, golden, watch(range(22, 29)))
    assert finding(county, YUHUATAI, "34", "34a") == (result, None)


def test_the_age_of_a_backup(county: Any, golden: dict[str, Any], tmp_path: Path) -> None:
    """雨花台 6b: twelve days are too old, two are not."""
    now = county.clock()
    dump = tmp_path / "db.sql.gz"
    dump.write_bytes(b"x" * 5000)
    settings = BackupsSettings(jobs=(Job(name="db", folder=tmp_path, pattern="*.gz"),))
    enter(county, YUHUATAI, "6", "systems_backed_up", value=True)
    for age_days, result, moment in ((12, "not_met", now - timedelta(hours=1)), (2, "met", now)):
        changed_s = (moment - timedelta(days=age_days)).timestamp()
        os.utime(dump, (changed_s, changed_s))
        context = Context(now=lambda moment=moment: moment)  # type: ignore[misc]
        push(county, golden, list(Backups().collect(settings, context)))
        assert finding(county, YUHUATAI, "6", "6b") == (result, None)


def camera_says(said: bytes) -> bytes:
    """Answer as a camera of 1080 lines."""
    number = next(line for line in said.split(b"\r\n") if line.startswith(b"CSeq"))
    body = (
        "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 sprop-parameter-sets={SPS_1080P}\r\n"
    ).encode()
    body = body if said.startswith(b"DESCRIBE") else b""
    head = b"RTSP/1.0 200 OK\r\n" + number + f"\r\nContent-Length: {len(body)}".encode()
    return head + b"\r\n\r\n" + body


def test_cameras_of_1080_lines(
    county: Any, golden: dict[str, Any], device: Callable[[Callable[[bytes], bytes]], int]
) -> None:
    """附件3-2 6c: met when every declared camera was read; before that nothing is decided."""
    now = county.clock()
    camera = Camera(name="gate", url=f"rtsp://127.0.0.1:{device(camera_says)}/1")
    settings = CamerasSettings(cameras=(camera,))
    push(county, golden, list(Cameras().collect(settings, Context(now=lambda: now))))
    assert finding(county, GENERAL, "6", "6c") == ("insufficient", "cameras_not_declared")
    for declared, expected in (
        ("2", ("insufficient", "cameras_not_covered")),
        ("1", ("met", None)),
    ):
        county.clock.advance(seconds=1)
        fact = Fact("zx-001", "cameras", declared, date(2026, 9, 1), "admin", county.clock())
        county.records.add_fact(fact)
        assert finding(county, GENERAL, "6", "6c") == expected


def test_the_estimate_of_a_power_supply(
    county: Any, golden: dict[str, Any], device: Callable[[Callable[[bytes], bytes]], int]
) -> None:
    """附件3-2 6b: an estimate above eight hours proves nothing by itself, one below fails."""
    runtime_s = 36_000

    def upsd(said: bytes) -> bytes:
        if said.startswith(b"LIST UPS"):
            return b'BEGIN LIST UPS\nUPS one "room"\nEND LIST UPS\n'
        pairs = {"ups.status": "OL", "battery.charge": "100", "battery.runtime": str(runtime_s)}
        lines = "".join(f'VAR one {name} "{value}"\n' for name, value in pairs.items())
        return f"BEGIN LIST VAR one\n{lines}END LIST VAR one\n".encode()

    server = NutServer(name="room", address="127.0.0.1", port=device(upsd))
    settings = UpsNutSettings(servers=(server,))
    for weeks, shown_s, expected in (
        (range(4), 36_000, ("insufficient", "upper_bound_only")),
        (range(4, 5), 7200, ("not_met", None)),
    ):
        runtime_s = shown_s
        readings: list[Reading] = []
        for week in weeks:
            moment = MONDAY + timedelta(weeks=week, hours=-2)
            context = Context(now=lambda moment=moment: moment)  # type: ignore[misc]
            readings += UpsNut().collect(settings, context)
        push(county, golden, readings)
        assert finding(county, GENERAL, "6", "6b") == expected
