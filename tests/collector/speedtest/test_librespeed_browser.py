"""A page like LibreSpeed's, in a real browser, against our measurement server."""

import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",  # the tests may run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE = Path(__file__).parent / "page"

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and shutil.which("chromium") is None,
    reason="needs Debian's chromium",
)


class _Page(SimpleHTTPRequestHandler):
    """Serves the page from another origin than the measurement server's."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        del format, args


@pytest.fixture
def page_address() -> Iterator[str]:
    """Serve the page on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Page, directory=str(PAGE)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def measured(page_address: str, start: Callable[..., Any]) -> dict[str, Any]:
    """Return what the page measured, with console messages and addresses it asked for."""
    server = start(open=True)
    backend = f"http://127.0.0.1:{server.port}/backend/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        messages: list[str] = []
        addresses: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(f"{page_address}/librespeed.html#{backend}")
        page.wait_for_function("window.result !== undefined", timeout=30_000)
        found: dict[str, Any] = page.evaluate("window.result")
        browser.close()
    return {
        **found,
        "messages": messages,
        "addresses": addresses,
        "origins": (page_address, f"http://127.0.0.1:{server.port}"),
    }


def test_a_browser_measures_with_librespeed_requests(measured: dict[str, Any]) -> None:
    """Address, ping, six parallel downloads and three uploads work across origins, without error.

    Loopback carries gigabits, so any working transfer is far above 50 Mbit/s; the pings come from
    the browser's own clock, which other origins only get with Timing-Allow-Origin.
    """
    assert measured["messages"] == []
    assert measured["error"] is None
    assert measured["address"].startswith("127.0.0.1")
    assert len(measured["pings_ms"]) == 10
    assert all(0 < ping < 500 for ping in measured["pings_ms"])
    assert measured["timed_by_browser"] == 10
    assert measured["download_mbps"] > 50
    assert sum("/garbage.php?" in address for address in measured["addresses"]) >= 6
    assert measured["upload_mbps"] > 50
    assert measured["uploads_answered"] >= 3
    allowed = measured["origins"]
    assert [a for a in measured["addresses"] if not a.startswith(allowed)] == []
