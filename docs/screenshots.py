"""Take the pictures of docs/images: every page of an example county in the middle of its term.

    python docs/screenshots.py [--schools 60] [--days 14] [--weights] [--only NAME …]

Builds the county in a temporary folder, plays the term up to an appeal in the browser, and
photographs each page on a desktop and on a phone; the documents also as they print. Then the term
is played to its end for the published results. With --weights it prints instead, as a table, how
many requests each page makes and how many bytes it loads with an empty cache. Needs the `dev`
extra and Debian's chromium.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from playwright.sync_api import Page, Response

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from browser_county import County, Visit, county
from county_pages import Place, places
from county_story import PHONE, Story

IMAGES = Path(__file__).parent / "images"
DESKTOP = 1280
#: A sheet is many screens long; the picture shows its beginning.
TALLEST = {DESKTOP: 1000, PHONE: 1000}
PRINTED = {
    *("case-form", "case-result", "case-signing", "overview", "ranking", "round-results"),
    *("rubric", "school", "what-if"),
}
MOST_BYTES = 180_000


def main() -> None:
    """Build the county, play the term, and write the pictures or the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--schools", type=int, default=60)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--weights", action="store_true", help="print page weights instead")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the pages of these names alone")
    wish = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        county(Path(folder) / "data", wish.schools, wish.days) as made,
    ):
        story = Story(made)
        story.reach("appeal")
        weigh_readings(made, story)
        shown = places(story)
        work = weigh if wish.weights else photograph
        each_place(made, [one for one in shown if wanted(one, wish.only)], work)
        story.reach("publication")
        rest = [one for one in places(story) if one not in shown]
        each_place(made, [one for one in rest if wanted(one, wish.only)], work)


def wanted(place: Place, names: list[str] | None) -> bool:
    """Return whether a page is asked for."""
    return names is None or place.name in names


def weigh_readings(made: County, story: Story) -> None:
    """Let the collector say what each reading would change, and wait for its answer."""
    visit = made.visit("admin")
    visit.open(story.effects_path())
    visit.press("开始试算")
    visit.page.get_by_text("试算于").wait_for(timeout=300_000)
    visit.close()


def each_place(made: County, listed: list[Place], work: Callable[[Visit, Place], None]) -> None:
    """Open each page as one whose page it is."""
    for person, group in groupby(listed, key=lambda place: place.person):
        visit = made.visit(person) if person else made.window()
        for place in group:
            work(visit, place)
        visit.close()


def photograph(visit: Visit, place: Place) -> None:
    """Write the pictures of one page."""
    visit.page.set_viewport_size({"width": DESKTOP, "height": 900})
    visit.page.emulate_media(media="screen")
    visit.open(place.path)
    take(visit.page, f"{place.name}.png", DESKTOP)
    visit.page.set_viewport_size({"width": PHONE, "height": 844})
    take(visit.page, f"{place.name}-phone.png", PHONE)
    if place.name in PRINTED:
        visit.page.set_viewport_size({"width": 794, "height": 1123})  # A4 at 96 dpi
        visit.page.emulate_media(media="print")
        take(visit.page, f"{place.name}-print.png", 794)


def take(page: Page, name: str, width: int) -> None:
    """Write the top of a page, as much of it as stays below `MOST_BYTES`."""
    height = min(
        int(page.evaluate("document.documentElement.scrollHeight")), TALLEST.get(width, 1123)
    )
    while True:
        clip = {"x": 0, "y": 0, "width": width, "height": height}
        picture = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]  # dict form
        if len(picture) <= MOST_BYTES or height <= 300:
            break
        height -= 100
    (IMAGES / name).write_bytes(picture)
    print(f"{name}: {width} x {height}, {len(picture) / 1000:.0f} kB", flush=True)


def weigh(visit: Visit, place: Place) -> None:
    """Print one line of the table of weights, with an empty cache."""
    answers: list[Response] = []
    visit.context.new_cdp_session(visit.page).send("Network.clearBrowserCache")

    def note(answer: Response) -> None:
        answers.append(answer)

    visit.page.on("response", note)
    visit.page.goto(visit.base + place.path, wait_until="networkidle")
    visit.page.remove_listener("response", note)
    sizes = [answer.request.sizes() for answer in answers]
    total = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
    print(f"| {place.name} | {len(answers)} | {total / 1000:.0f} |", flush=True)


if __name__ == "__main__":
    main()
