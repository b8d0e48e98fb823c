"""Each person's main path in real Chromium, over the real collector and the example county."""

import pytest
from county_looks import Look
from county_pages import NOT_PAGES, places, without_a_place
from county_story import PHONE, PLAIN_SCHOOL, SCHOOL, Story

# The first test builds the county; the pages are looked at with axe in one go.
pytestmark = pytest.mark.timeout(600)


def test_an_administrator_imports_adds_people_and_opens_a_round(story: Story) -> None:
    """A list's good rows are in; one-time codes work; the round is open; the audit chain holds."""
    story.reach("administrator")
    assert "大学堂" in story.seen["preview schools"]
    assert "新增 1，变更 1，相同 0，跳过有错误的 1 行" in story.seen["imported"]
    assert "no-such-school" in story.seen["preview people"]
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
    """With JavaScript switched off a school fills in every field of its case, and hands it in."""
    story.reach("plain_school")
    assert "还缺 0 项" in story.seen["plain saved"]
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


def test_every_page_that_can_be_opened_is_looked_at(story: Story, looks: list[Look]) -> None:
    """A new page without a place in the list fails here, before nobody has ever looked at it."""
    assert story.county.app is not None
    assert without_a_place(story.county.app, places(story)) == set(NOT_PAGES)
    assert [look.place.name for look in looks if look.status != look.place.status] == []
    assert "round-results" in [look.place.name for look in looks]


def test_axe_finds_nothing_grave_on_any_page(looks: list[Look]) -> None:
    """Labels, contrast, roles, order: all pages of all persons, on a desktop."""
    found = [f"{look.place.name}: {broken}" for look in looks for broken in look.grave]
    assert len(looks) > 40
    assert found == [], "\n".join(found)


def test_every_page_fits_a_telephone(looks: list[Look]) -> None:
    """No page scrolls sideways at 390 px."""
    assert {look.place.name: look.phone_width for look in looks if look.phone_width > PHONE} == {}


@pytest.mark.usefixtures("looks")
def test_no_request_left_the_host_and_no_script_complained(story: Story) -> None:
    """Every address that any window of the term or any page asked for is the collector's own."""
    assert len(story.asked) > 200
    assert [url for url in story.asked if not url.startswith(story.county.base)] == []
    unexpected = [said for said in story.messages if "403" not in said and "404" not in said]
    assert unexpected == []
