"""The pages in a real browser: they fit the screen, stay on this host, work by keyboard."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

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
PATHS = ["/", "/schools/zx-001", "/schools/zx-004", "/sign-in", "/schools/none", "/docs"]

TURN_MS = 20_500
"""A little more than a page of the wall stays."""

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and shutil.which("chromium") is None,
    reason="needs Debian's chromium",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for all tests of this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A browser page that notes console messages and every address it asks for."""

    def __init__(self, browser: Browser, width: int, language: str = "zh-CN") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, locale=language, java_script_enabled=True
        )
        self.page: Page = self.context.new_page()
        self.messages: list[str] = []
        self.addresses: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))


@pytest.fixture(params=[1280, 390])
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visit]:
    """Yield a visit on a desktop and on a phone."""
    visit = Visit(browser, request.param)
    yield visit
    visit.context.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_stay_on_the_host_and_raise_no_error(
    visit: Visit, live_address: str, language: str
) -> None:
    """No sideways scrolling, no console message, no request to another host, Chinese or English."""
    for path in PATHS:
        visit.messages.clear()
        answer = visit.page.goto(f"{live_address}{path}?lang={language}")
        assert answer is not None
        widths = visit.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert widths[0] <= widths[1], f"{path} is wider than the screen: {widths}"
        # Chromium itself reports the status of a page that is an error page on purpose.
        expected = [m for m in visit.messages if "404 (Not Found)" not in m]
        assert expected == [], path
    assert len(visit.addresses) > len(PATHS)
    assert [found for found in visit.addresses if not found.startswith(live_address)] == []


def test_styles_and_symbols_arrive(visit: Visit, live_address: str) -> None:
    """A blocked style sheet would pass every other test with an ugly page."""
    visit.page.goto(live_address)
    family = visit.page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "Noto Sans CJK SC" in family
    symbol = visit.page.locator("th a[href='/schools/zx-001'] >> xpath=ancestor::tr >> svg.icon")
    box = symbol.first.bounding_box()
    assert box is not None
    assert box["width"] > 5


def test_every_link_and_control_is_reached_by_keyboard(visit: Visit, live_address: str) -> None:
    """Tab goes through everything, in reading order, with a visible outline each time."""
    visit.page.goto(f"{live_address}/schools/zx-001")
    wanted = visit.page.locator("a:visible, summary:visible, button:visible").count()
    reached = []
    for _ in range(wanted + 5):
        visit.page.keyboard.press("Tab")
        found = visit.page.evaluate(
            "(() => { const e = document.activeElement;"
            " return e === document.body ? null : [e.tagName, e.textContent.trim().slice(0, 40),"
            " getComputedStyle(e).outlineStyle]; })()"
        )
        if found is None:
            break
        reached.append(found)
    assert len(reached) >= wanted
    assert reached[0][1] in ("跳到正文", "Skip to content")
    assert {outline for _, _, outline in reached} == {"solid"}


def test_the_skip_link_leads_to_the_content(visit: Visit, live_address: str) -> None:
    """Keyboard users do not walk the navigation on each page."""
    visit.page.goto(live_address)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"


def test_touch_targets_are_large_enough(browser: Browser, live_address: str) -> None:
    """Links that stand alone are at least 24 px high on a phone (WCAG 2.2, 2.5.8)."""
    visit = Visit(browser, 390)
    visit.page.goto(f"{live_address}/schools/zx-001")
    heights = visit.page.eval_on_selector_all(
        ".filters a, .figure, .jump a, .languages a, .refs a, button",
        "elements => elements.map(e => [e.textContent.trim(), e.getBoundingClientRect().height])",
    )
    assert len(heights) > 10
    assert [found for found in heights if found[1] < 24] == []
    visit.context.close()


def test_a_phone_reads_a_criterion_with_its_labels(browser: Browser, live_address: str) -> None:
    """Without table heads each value must carry its own label."""
    visit = Visit(browser, 390)
    visit.page.goto(f"{live_address}/schools/zx-001")
    text = visit.page.locator("#criterion-1a").inner_text()
    for label in ("本校门槛", "实测", "申报 / 合同", "证据不足"):
        assert label in text
    visit.context.close()


def test_headings_of_the_agents_are_not_broken_inside_words(
    browser: Browser, live_address: str
) -> None:
    """In English on a phone each heading of the narrow table stays on one line."""
    visit = Visit(browser, 390, "en")
    visit.page.goto(f"{live_address}/schools/zx-001?lang=en")
    heights = visit.page.locator(".agents thead th").evaluate_all(
        "cells => cells.map(cell => cell.getClientRects()[0].height)"
    )
    assert len(heights) == 4
    assert max(heights) < 40
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not visit.page.evaluate(wider)
    visit.context.close()


def test_print_shows_the_table_and_hides_the_navigation(
    browser: Browser, live_address: str
) -> None:
    """A printed sheet is a document: no filters, no menus, every criterion."""
    visit = Visit(browser, 1280)
    visit.page.goto(f"{live_address}/schools/zx-001")
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("nav[aria-label='主导航']").is_visible()
    assert not visit.page.locator(".filters").is_visible()
    assert visit.page.locator("tr.finding:visible").count() == 6
    visit.context.close()


def test_pages_work_without_javascript(browser: Browser, live_address: str) -> None:
    """Everything is plain HTML: filter, language and search work with scripts switched off."""
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(live_address)
    page.get_by_label("查找学校").fill("拔山")
    page.get_by_role("button", name="筛选").click()
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "County overview"
    assert page.locator("tbody tr").count() == 1, "the search survives the language switch"
    context.close()


def test_the_wall_turns_and_keeps_its_page_while_the_collector_is_away(
    browser: Browser, live_address: str
) -> None:
    """Turned without loading anew; out of reach, the last page stays and says from when it is."""
    visit = Visit(browser, 1280)
    page = visit.page
    page.clock.install()
    page.goto(f"{live_address}/wall")
    first = page.locator("h1").inner_text()
    page.evaluate("window.sameDocument = true")
    page.clock.run_for(TURN_MS)
    expect(page.locator("h1")).not_to_have_text(first)
    second = page.locator("h1").inner_text()
    page.route("**/wall?*", lambda route: route.abort())
    page.clock.run_for(TURN_MS)
    expect(page.locator("#wall-away")).to_be_visible()
    assert re.search(r"以下是 \d{4}-\d\d-\d\d \d\d:\d\d", page.locator("#wall-away").inner_text())
    assert page.locator("h1").inner_text() == second
    page.unroute("**/wall?*")
    page.clock.run_for(TURN_MS)
    expect(page.locator("h1")).not_to_have_text(second)
    expect(page.locator(".wall-old:visible")).to_have_count(0)
    assert page.evaluate("window.sameDocument")
    visit.context.close()
