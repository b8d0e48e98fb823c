"""The local page: what Prometheus itself and its client library think of it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agent.exposition import Exposition, Family, render
from agent.latest import MAX_TARGETS, Latest
from agent.page import Page
from agent.probes.base import Metric
from agent.reading import Outcome, Reading
from agent.settings import ExpositionSettings
from agent.spool import Spool

METRICS = {"link_speed": (Metric("speed_mbps", "Mbit/s", "Negotiated speed"),)}


@pytest.fixture
def latest() -> Latest:
    """Return an empty memory of last readings."""
    return Latest()


@pytest.fixture
def page(latest: Latest, open_spool: Callable[..., Spool]) -> Iterator[Page]:
    """Serve the page on a free port."""
    shown = Exposition(latest, open_spool(), intervals_s={"link_speed": 60.0}, metrics=METRICS)
    page = Page(ExpositionSettings(port=0), shown.text)
    yield page
    page.stop()


def fetch(page: Page, timeout_s: float = 5.0) -> str:
    """Scrape once."""
    address = f"http://127.0.0.1:{page.port}/metrics"
    with urllib.request.urlopen(address, timeout=timeout_s) as answer:
        return str(answer.read().decode())


def reading(target: str = "eth0", age_s: float = 0.0, **values: float) -> Reading:
    """Return a reading of link_speed."""
    return Reading(
        "link_speed",
        target,
        datetime.now(UTC) - timedelta(seconds=age_s),
        Outcome.OK if values else Outcome.FAILED,
        None if values else "link_speed_unknown",
        values=values,
    )


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return (sample name, target) -> value."""
    return {
        (sample.name, sample.labels.get("target", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_values_are_named_by_the_contract(latest: Latest, page: Page) -> None:
    """A value is campusgauge_<probe>_<value name>, its target a label, its time beside it."""
    latest.note_readings([reading(speed_mbps=1000.0), reading('以太网 2\n"', speed_mbps=100.0)])
    found = samples(fetch(page))
    assert found["campusgauge_link_speed_speed_mbps", "eth0"] == 1000.0
    assert found["campusgauge_link_speed_speed_mbps", '以太网 2\n"'] == 100.0
    assert found["campusgauge_reading_timestamp_seconds", "eth0"] > 1.7e9


def test_unknown_is_no_number(latest: Latest, page: Page) -> None:
    """A failed reading takes the value away and shows its reason instead of a zero."""
    latest.note_readings([reading(speed_mbps=1000.0)])
    latest.note_readings([reading()])
    text = fetch(page)
    assert "speed_mbps" not in text
    assert 'outcome="failed"' in text
    assert 'reason="link_speed_unknown"' in text


def test_old_values_disappear(latest: Latest, page: Page) -> None:
    """A number that nobody renewed for three intervals is not shown as if it were now."""
    latest.note_readings([reading("new", 170, speed_mbps=1.0), reading("old", 190, speed_mbps=2.0)])
    found = samples(fetch(page))
    assert ("campusgauge_link_speed_speed_mbps", "new") in found
    assert ("campusgauge_link_speed_speed_mbps", "old") not in found


def test_targets_are_bounded_and_counted(latest: Latest, page: Page) -> None:
    """A probe with endless targets does not fill the memory; what is left out is counted."""
    latest.note_readings(reading(f"t{n}", speed_mbps=1.0) for n in range(MAX_TARGETS + 5))
    found = samples(fetch(page))
    shown = [name for name, _ in found if name == "campusgauge_link_speed_speed_mbps"]
    assert len(shown) == MAX_TARGETS
    assert found["campusgauge_agent_unshown_readings_total", ""] == 5


def test_prometheus_accepts_the_page(latest: Latest, page: Page) -> None:
    """Prometheus' own checker finds nothing but the contract's short unit suffixes."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    latest.note_readings([reading(speed_mbps=1000.0, up=1.0), reading("p2", connect_ms=2.5)])
    latest.note_run("link_speed", "done")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=fetch(page),
        text=True,
        capture_output=True,
        check=False,
    )
    assert checked.returncode in (0, 3), checked.stderr
    complaints = [line for line in checked.stderr.splitlines() if "abbreviated units" not in line]
    assert complaints == []
    assert "campusgauge_link_speed_speed_mbps" not in "".join(complaints)


def test_taken_port_is_an_error_for_the_caller(
    latest: Latest, open_spool: Callable[..., Spool]
) -> None:
    """Two agents on one port: the second is told, and decides."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ExpositionSettings(port=taken.getsockname()[1])
        shown = Exposition(latest, open_spool(), intervals_s={}, metrics={})
        with pytest.raises(OSError, match="in use"):
            Page(settings, shown.text)


def test_silent_client_does_not_stop_the_page_for_good(page: Page) -> None:
    """Someone who connects and says nothing is dropped, and the next scrape is answered."""
    with socket.create_connection(("127.0.0.1", page.port)):
        started = time.monotonic()
        assert "campusgauge_agent_spool_readings" in fetch(page, timeout_s=10)
        assert time.monotonic() - started < 4


def test_stopped_page_gives_its_port_back_at_once(
    latest: Latest, open_spool: Callable[..., Spool]
) -> None:
    """Stopping takes no longer than a blink, and the next agent finds the port free."""
    shown = Exposition(latest, open_spool(), intervals_s={}, metrics={})
    page = Page(ExpositionSettings(port=0), shown.text)
    started = time.monotonic()
    page.stop()
    assert time.monotonic() - started < 0.5
    again = Page(ExpositionSettings(port=page.port), shown.text)
    again.stop()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", b"200"),
        (b"HEAD /metrics HTTP/1.1\r\nHost: h\r\n\r\n", b"200"),
        (b"GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"what is this\r\n\r\n", b"400"),
    ],
    ids=["query", "head", "path", "method", "no http"],
)
def test_odd_requests_are_answered(page: Page, request_bytes: bytes, status: bytes) -> None:
    """Each gets the status that says what was wrong, and the next scrape is served."""
    with socket.create_connection(("127.0.0.1", page.port), 5) as client:
        client.sendall(request_bytes)
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert bool(body) is not request_bytes.startswith(b"HEAD")
    assert "campusgauge_agent_spool_readings" in fetch(page)


def test_endless_request_is_cut_off(page: Page) -> None:
    """A head without end is not read for ever, and the next scrape is served."""
    with socket.create_connection(("127.0.0.1", page.port), 5) as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                client.sendall(b"GET /" + b"a" * 10_000)
        assert "campusgauge_agent_spool_readings" in fetch(page, timeout_s=1)


def test_process_is_shown_under_the_usual_names(page: Page) -> None:
    """Dashboards for any Prometheus client find this process's memory and processor time."""
    found = samples(fetch(page))
    assert found["process_resident_memory_bytes", ""] > 1e6
    assert found["process_cpu_seconds_total", ""] > 0
    assert abs(found["process_start_time_seconds", ""] - time.time()) < 3600


@given(
    target=st.text(st.characters(exclude_categories=["Cs"])),
    meaning=st.text(st.characters(exclude_categories=["Cs"])),
    value=st.floats(allow_nan=False),
)
def test_any_text_and_number_survives_the_format(target: str, meaning: str, value: float) -> None:
    """What the client library reads is what was written, whatever the characters."""
    family = Family("campusgauge_x", meaning, "gauge", [((("target", target),), value)])
    page_text = render([family])
    (read,) = [s for f in text_string_to_metric_families(page_text) for s in f.samples]
    assert (read.labels["target"], read.value) == (target, value)
