"""Each person's main path in real Chromium, over the real collector and the example county."""

from itertools import groupby

import pytest
from axe_playwright_python.sync_playwright import Axe
from county_pages import places
from county_story import PHONE, PLAIN_SCHOOL, SCHOOL, Story

# The first test builds the county and the last one looks at thirty pages with axe.
pytestmark = pytest.mark.timeout(420)

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
GRAVE = ("serious", "critical")
MEANT = {"wall: meta-refresh"}
"""A wall shows what is so now and has no keyboard: refreshing is what it is for (WCAG 2.2.1)."""


def test_an_administrator_adds_people_and_opens_a_round(story: Story) -> None:
    """People get one-time codes that work; the round pins its rubrics; the audit chain holds."""
    story.reach("administrator")
    assert "进行中" in story.seen["round"]
    assert "2 所学校" in story.seen["round"]
    assert "核验通过" in story.seen["audit"]


def test_an_editor_sees_the_gaps_and_fills_in_with_evidence(story: Story) -> None:
    """The value saves itself, the file stands at its item."""
    story.reach("editor")
    assert "继续填报" in story.seen["my-school"]
    assert "证据不足" in story.seen["school"]
    assert "功能室.png" in story.seen["evidence"]


def test_a_headmaster_signs_and_submits(story: Story) -> None:
    """What was signed is with the bureau."""
    story.reach("headmaster")
    assert "签字于" in story.seen[f"submitted {SCHOOL}"]
    assert "已提交，待接收" in story.seen[f"submitted {SCHOOL}"]


def test_a_school_without_scripts_fills_in_signs_and_submits(story: Story) -> None:
    """With JavaScript switched off nothing of the school's work is missing."""
    story.reach("plain_school")
    assert "已保存 1 处修改" in story.seen["plain saved"]
    assert "已提交，待接收" in story.seen[f"submitted {PLAIN_SCHOOL}"]


def test_an_inspector_counts_and_judges_on_a_phone(story: Story) -> None:
    """The stepper counts on from the school's value; the verdict stands beside the system's."""
    story.reach("inspector")
    assert "滨江实验初级中学" in story.seen["review list"]
    assert story.seen["stepped"] == "3", "the school gave 2"
    assert "3 × 0.5 = 1.5" in story.seen["reviewed"]
    assert "现场核对合同与端口" in story.seen["judged html"]
    assert int(story.seen["widths"]) <= PHONE


def test_an_official_without_scripts_accepts_and_reviews(story: Story) -> None:
    """With JavaScript switched off a case is accepted and an item is counted anew."""
    story.reach("plain_official")
    assert "4 × 0.5 = 2" in story.seen["plain review"]


def test_the_bureau_looks_at_the_county_and_announces(story: Story) -> None:
    """Overview, heatmap, ranking; then all cases of the round in one go."""
    story.reach("announcement")
    assert story.seen["announced"] == "4"
    assert len({story.seen[f"overview{view}"] for view in ("", "?view=heatmap")}) == 2


def test_a_headmaster_appeals_and_another_official_decides(story: Story) -> None:
    """The difference says why; the decision reaches the school with its reason."""
    story.reach("appeal")
    assert "现场少一间实验室" in story.seen["result"]
    assert "已到另一栋楼复核" in story.seen["appeal"]


def test_the_bureau_publishes_after_the_time_for_appeals(story: Story) -> None:
    """The round is closed, every sheet final, the results frozen."""
    story.reach("publication")
    assert "第 1 次发布" in story.seen["published"]


def test_a_viewer_reads_and_changes_nothing(story: Story) -> None:
    """Results are open to a viewer; managing is not, and no form offers it."""
    story.reach("viewer")
    assert "滨江实验初级中学" in story.seen["results"]
    assert story.seen["forbidden"] == "[403, 403]"
    assert story.seen["viewer forms"] == "0"


def test_no_request_left_the_host_and_no_script_complained(story: Story) -> None:
    """Every address that any window of the whole term asked for is the collector's own."""
    story.reach("viewer")
    assert len(story.asked) > 100
    assert [url for url in story.asked if not url.startswith(story.county.base)] == []
    unexpected = [said for said in story.messages if "403" not in said]
    assert unexpected == []


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
