"""Take the pictures of docs/images from a running collector: the two main pages, two widths.

    python docs/screenshots.py [BASE_URL] [--school ID]

BASE_URL is http://127.0.0.1:8300 unless given; the school is the first one with a score sheet.
Needs the `dev` extra and Debian's chromium.
"""

import argparse
import json
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1280, 390)
#: A sheet is many screens long; the picture shows its beginning.
TALLEST = {1280: 2000, 390: 2600}


def main() -> None:
    """Read the arguments and write one picture per page and width."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", nargs="?", default="http://127.0.0.1:8300")
    parser.add_argument("--school", help="id of the school (default: the first one)")
    arguments = parser.parse_args()
    base = arguments.base.rstrip("/")
    school = arguments.school or first_school(base)
    pages = {"overview": "/", "school": f"/schools/{quote(school)}"}
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, path in pages.items():
            for width in WIDTHS:
                take(browser, base + path, width, IMAGES / f"{name}-{width}.png")
        browser.close()


def first_school(base: str) -> str:
    """Return the id of the first school; exits with the next step where there is none."""
    with urlopen(f"{base}/api/v1/schools?limit=1", timeout=10) as answer:  # noqa: S310  # the user's own server
        schools = json.load(answer)["schools"]
    if not schools:
        raise SystemExit("no school yet: run `campusgauge up` or `campusgauge school add` first")
    return str(schools[0]["id"])


def take(browser: Browser, address: str, width: int, target: Path) -> None:
    """Write the top of one page as a picture, in Chinese."""
    page = browser.new_page(viewport={"width": width, "height": 900}, locale="zh-CN")
    page.goto(address)
    height = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST[width])}
    page.screenshot(path=target, full_page=True, clip=clip)
    page.close()
    print(f"{target} ← {address}")


if __name__ == "__main__":
    main()
