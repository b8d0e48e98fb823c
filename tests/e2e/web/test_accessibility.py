"""axe-core finds nothing serious on any page (WCAG 2.2 A and AA)."""

from itertools import groupby

from axe_playwright_python.sync_playwright import Axe
from county_pages import places
from county_story import Story

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
GRAVE = ("serious", "critical")
MEANT = {"wall: meta-refresh"}
"""A wall shows what is so now and has no keyboard: refreshing is what it is for (WCAG 2.2.1)."""


def test_axe_finds_nothing_grave_on_any_page(story: Story) -> None:
    """Labels, contrast, roles, order: all pages of all persons, on a desktop."""
    story.reach("appeal")
    axe, found, looked_at = Axe(), [], 0
    options = {**RULES, "resultTypes": ["violations"]}
    for person, group in groupby(places(story), key=lambda place: place.person):
        visit = story.county.visit(person) if person else story.county.window()
        for place in group:
            visit.open(place.path)
            for broken in axe.run(visit.page, options=options).response["violations"]:
                name = f"{place.name}: {broken['id']}"
                if broken["impact"] in GRAVE and name not in MEANT:
                    nodes = [(node["target"], node["html"][:150]) for node in broken["nodes"][:4]]
                    found.append(f"{name} {nodes}")
            looked_at += 1
        visit.close()
    assert looked_at == len(places(story))
    assert found == [], "\n".join(found)
