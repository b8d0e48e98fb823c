"""An example county behind a real collector, and its people in real browsers.

The browser tests (`tests/e2e/web`), the pictures (`docs/screenshots.py`) and the page weights
(`docs/screenshots.py --weights`) share it. Needs the `dev` extra and Debian's chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from collector.app import create_app, open_stores
from collector.settings import Settings
from rubrics.loader import official_rubrics

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",  # may run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "忠县教育局 2026 秋"  # noqa: S105  # of an invented county on loopback
START_S = 60.0
STEP_MS = 60_000
"""How long a step in the browser may take on a busy machine."""


@dataclass
class Visit:
    """One person's browser window; it notes what it asked for and what went wrong."""

    context: BrowserContext
    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a path of the collector; returns the status."""
        answer = self.page.goto(self.base + path)
        return answer.status if answer else 0

    @property
    def path(self) -> str:
        """Where the window is."""
        return self.page.url.removeprefix(self.base)

    def press(self, name: str) -> None:
        """Press the first button of this name and wait for the answer."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).first.click()

    def sign_in(self, name: str, code: str | None = None) -> None:
        """Sign in through the pages: with a one-time code the first time, then by password."""
        self.context.clear_cookies()
        if code is not None:
            self.open("/set-password")
            self.page.get_by_label("一次性代码", exact=True).fill(code)
            self.page.get_by_label("新密码", exact=True).fill(PASSWORD)
            self.press("设置密码并登录")
        else:
            self.open("/sign-in")
            self.page.get_by_label("登录名", exact=True).fill(name)
            self.page.get_by_label("密码", exact=True).fill(PASSWORD)
            self.press("登录")
        if self.path.startswith(("/set-password", "/sign-in")):
            raise PermissionError(f"{name}: {self.page.locator('main').inner_text()}")

    def close(self) -> None:
        """Close the window."""
        self.context.close()


@dataclass
class County:
    """The address of the running collector, its clock, and who has which one-time code."""

    base: str
    codes: dict[str, str]
    browser: Browser
    app: FastAPI | None = None
    ahead: timedelta = timedelta()
    """How far the collector's clock is ahead: waiting for the end of appeals takes no time."""
    sessions: dict[tuple[str, timedelta], StorageState] = field(default_factory=dict)
    """Who is signed in; a session of weeks ago has ended."""

    def now(self) -> datetime:
        """Return the time of the collector."""
        return datetime.now(UTC) + self.ahead

    def window(
        self,
        width: int = 1280,
        *,
        scripts: bool = True,
        session: StorageState | None = None,
    ) -> Visit:
        """Open an empty window in Chinese."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 844},
            locale="zh-CN",
            java_script_enabled=scripts,
            storage_state=session,
        )
        context.set_default_timeout(STEP_MS)
        visit = Visit(context, context.new_page(), self.base)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda said: visit.messages.append(f"{said.type}: {said.text}"))
        visit.page.on("pageerror", lambda error: visit.messages.append(f"error: {error}"))
        return visit

    def visit(self, name: str, width: int = 1280, *, scripts: bool = True) -> Visit:
        """Open a window of a person, who signs in the first time; a one-time code is used up."""
        held = (name, self.ahead)
        visit = self.window(width, scripts=scripts, session=self.sessions.get(held))
        if held not in self.sessions:
            visit.sign_in(name, self.codes.pop(name, None))
            self.sessions[held] = visit.context.storage_state()
        return visit


def build_example(data: Path, schools: int, days: int) -> dict[str, str]:
    """Make the example county by the command that people use; returns the one-time codes."""
    wish = ("--data", str(data), "--schools", str(schools), "--days", str(days))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "collector", "example", *wish],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return dict(re.findall(r"^ +(\w+)\t.*\t([0-9A-Z-]{19})$", done.stdout, re.MULTILINE))


@contextmanager
def county(data: Path, schools: int, days: int) -> Iterator[County]:
    """Build the example county, serve it on a free loopback port, and start a browser."""
    codes = build_example(data, schools, days)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        made = County("", codes, browser)
        settings = Settings(data=data)
        stores = open_stores(settings, lambda _: None)
        made.app = create_app(settings, stores, official_rubrics(), clock=made.now)
        config = uvicorn.Config(made.app, host="127.0.0.1", port=0, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline_s = time.monotonic() + START_S
        while not server.started and time.monotonic() < deadline_s:
            time.sleep(0.02)
        if not server.started:
            raise TimeoutError(f"the collector did not start within {START_S:.0f} s")
        port = server.servers[0].sockets[0].getsockname()[1]
        made.base = f"http://127.0.0.1:{port}"
        try:
            yield made
        finally:
            browser.close()
            server.should_exit = True
            thread.join(timeout=20)
