"""Looking at every page of the example county: axe, width on a telephone, status."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from axe_playwright_python.sync_playwright import Axe
from browser_county import Visit
from county_pages import Place, places
from county_story import PHONE, Story

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
GRAVE = ("serious", "critical")


@dataclass(frozen=True)
class Look:
    """What was found on one page."""

    place: Place
    status: int
    grave: tuple[str, ...]
    """Rules of WCAG 2.2 AA that axe found broken, with the elements that break them."""
    phone_width: int
    """How wide the page is on a telephone, in CSS pixels."""


def look_at_all(story: Story) -> list[Look]:
    """Open every page as one whose page it is; the story notes what each asked for."""
    axe, looks = Axe(), []
    for person, group in groupby(places(story), key=lambda place: place.person):
        visit = story.county.visit(person) if person else story.county.window()
        looks += [_look(axe, visit, place) for place in group]
        story.leave(visit)
    return looks


def _look(axe: Axe, visit: Visit, place: Place) -> Look:
    page = visit.page
    status = visit.open(place.path)
    answer = axe.run(page, options={**RULES, "resultTypes": ["violations"]}).response
    grave = tuple(
        f"{broken['id']} {[(node['target'], node['html'][:150]) for node in broken['nodes'][:4]]}"
        for broken in answer["violations"]
        if broken["impact"] in GRAVE
    )
    size = dict(page.viewport_size or {"width": 1280, "height": 900})
    page.set_viewport_size({"width": PHONE, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(size)  # type: ignore[arg-type]  # playwright's own dict form
    return Look(place, status, grave, int(width))
