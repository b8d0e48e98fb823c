"""The county's pages without JavaScript: views, filters, heatmap, ranking, the big screen."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from collector.domain import STANDING, Act, IndicatorVerdict, SchoolKind, Summary, Township

RUBRIC = "test-campus"


@pytest.fixture
def scored_county(county: Any) -> Any:
    """Return three schools in two townships: met, not met without a settled total, no summary."""
    act = Act("system", county.now, "test")
    for number, name in (("t-1", "拔山镇"), ("t-2", "白石镇")):
        county.records.put_township(Township(number, name), act)
    for number, place in (("zx-001", "t-1"), ("zx-002", "t-1"), ("zx-003", "t-2")):
        county.add_school(number, f"学校{number}", township_id=place)
    put(county, "zx-001", "met", "1000", "60", "60")
    put(county, "zx-002", "not_met", "94.1", "20", "80")
    return county


def put(county: Any, school_id: str, result: str, value: str, proven: str, possible: str) -> None:
    """Keep a summary of one school."""
    name = next(iter(county.rubrics[RUBRIC].indicators))
    verdict = IndicatorVerdict(name, result, value, "Mbit/s", "ge", ("660.48",), "1", "1a")
    version = county.rubrics[RUBRIC].version
    summary = Summary(
        STANDING, school_id, RUBRIC, version, county.now - timedelta(minutes=5), "sha256:x",
        counts={result: 1}, proven=proven, possible=possible, max="100", indicators=(verdict,),
    )  # fmt: skip
    county.records.put_summaries(STANDING, school_id, [summary])


def cells(page: str) -> list[str]:
    """Return the text of every cell of the heatmap, by reading order."""
    body = page[page.index('<table class="heat') :]
    found = re.findall(r"<td[^>]*>(.*?)</td>", body, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in found]


@pytest.mark.usefixtures("scored_county")
def test_the_heatmap_reads_without_colour(client: TestClient) -> None:
    """Each cell has the verdict as a word and a symbol, the value, and a link to the clause."""
    page = client.get("/?view=heatmap&sort=name").text
    assert "达标 1000 Mbit/s" in cells(page)
    assert "未达标 94.1 Mbit/s" in cells(page)
    assert 'href="/schools/zx-002/test-campus#criterion-1a"' in page
    assert re.search(r'class="not-met"><a [^>]*94\.1 Mbit/s，要求 ≥ 660\.48 Mbit/s，未达标', page)
    assert re.search(r"icons\.svg\?v=\w+#not-met", page)


@pytest.mark.usefixtures("scored_county")
def test_a_school_without_a_summary_has_no_verdict(client: TestClient) -> None:
    """Unknown is a word in the cell, not a blank and not a failure."""
    page = client.get("/?view=heatmap&township=t-2").text
    assert "学校zx-003" in page
    assert set(cells(page)) <= {"无数据"}
    assert "1 所等待首次评分" in page


@pytest.mark.usefixtures("scored_county")
def test_townships_sum_up_verdicts_and_lead_to_their_schools(client: TestClient) -> None:
    """A school that was not scored is open in the sum; the name opens the township's heatmap."""
    page = client.get("/?view=townships").text
    assert "达标 1 未达标 1" in cells(page)
    assert "证据不足 1" in cells(page)
    assert "view=heatmap&amp;township=t-1" in page


@pytest.mark.usefixtures("scored_county")
def test_overlapping_totals_share_places(client: TestClient) -> None:
    """60 against 20–80: nobody is first while open points can still change it."""
    page = client.get("/?view=ranking").text
    places = re.findall(r'class="num place">([^<]+)<', page)
    assert places == ["1–2", "1–2"]
    assert "未参与比较的学校：1 所" in page
    assert "尚未评分" in page
    assert "版本" in page


def test_settled_totals_have_settled_places(client: TestClient, scored_county: Any) -> None:
    """Closed intervals that do not overlap are first and second."""
    put(scored_county, "zx-002", "not_met", "94.1", "20", "59")
    page = client.get("/?view=ranking").text
    assert re.findall(r'class="num place">([^<]+)<', page) == ["1", "2"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rubric_version": "1999"}, "按另一版本的细则评分"),
        ({"refused": "case_unusable"}, "现有数据无法评分"),
        ({"vetoed": True}, "一票否决"),
    ],
)
def test_who_cannot_be_compared_is_named_with_the_reason(
    client: TestClient, scored_county: Any, change: dict[str, Any], why: str
) -> None:
    """A ranking must not mix what was scored by different rules."""
    records = scored_county.records
    put(scored_county, "zx-003", "met", "900", "50", "50")
    found = records.summaries(STANDING, RUBRIC)[1]
    records.put_summaries(STANDING, "zx-002", [replace(found, **change)])
    page = client.get("/?view=ranking").text
    assert len(re.findall(r'class="num place">', page)) == 2
    assert why in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?view=schools&township=t-1&sort=name", ["zx-001", "zx-002"]),
        ("?view=schools&form=vocational", []),
        ("?view=schools&form=primary&q=003", ["zx-003"]),
        ("?view=schools&township=none&sort=name", ["zx-001", "zx-002", "zx-003"]),
        ("?view=schools&sort=met", ["zx-001", "zx-002", "zx-003"]),
    ],
)
@pytest.mark.usefixtures("scored_county")
def test_filters_are_plain_addresses(client: TestClient, query: str, expected: list[str]) -> None:
    """Form, township and text narrow every view; an unknown township hides nothing."""
    page = client.get("/" + query).text
    assert re.findall(r'href="/schools/([^"/?]+)"', page) == expected


def test_a_large_county_begins_with_its_townships(client: TestClient, county: Any) -> None:
    """Three thousand rows are unreadable; a hundred are not."""
    for number in range(101):
        county.add_school(f"s-{number:03d}")
    page = client.get("/").text
    assert re.search(r'aria-current="page">乡镇汇总', page)
    assert "未登记乡镇" in page


def test_a_new_summary_is_seen_at_the_next_look(client: TestClient, scored_county: Any) -> None:
    """Pages keep summaries in memory; what the background computed must not wait."""
    assert "未达标 94.1 Mbit/s" in cells(client.get("/?view=heatmap").text)
    put(scored_county, "zx-002", "met", "700", "20", "80")
    assert "达标 700 Mbit/s" in cells(client.get("/?view=heatmap").text)


def test_a_rounded_value_never_crosses_its_bound(client: TestClient, scored_county: Any) -> None:
    """660.4799 is below 660.48 and must not be shown as 660.5 in a red cell."""
    put(scored_county, "zx-002", "not_met", "660.4799", "20", "80")
    put(scored_county, "zx-001", "met", "967.8194", "60", "60")
    found = cells(client.get("/?view=heatmap").text)
    assert "达标 ≈967.8 Mbit/s" in found
    assert not [cell for cell in found if "660.5" in cell]


@pytest.mark.usefixtures("scored_county")
def test_the_big_screen_goes_round_without_script_or_names(client: TestClient) -> None:
    """Each section leads to the next by itself, back to the first; no school is named."""
    seen, address = [], "/wall"
    for _ in range(4):
        page = client.get(address).text
        assert "学校zx-" not in page
        refresh = re.search(
            r'<noscript><meta http-equiv="refresh" content="\d+; url=([^"]+)"></noscript>', page
        )
        assert refresh
        seen.append(re.search(r"<h1>([^<]+)</h1>", page)[1])  # type: ignore[index]  # is there
        address = refresh[1].replace("&amp;", "&")
    assert seen == ["采集上报情况", "全县技术指标判定", "各乡镇指标判定", "得分分布"]
    assert address.startswith("/wall?view=reporting")


def test_the_big_screen_stays_on_a_page_on_request(client: TestClient, county: Any) -> None:
    """What moves by itself can be stopped, and started again, without a script."""
    county.add_school("zx-001")
    page = client.get("/wall").text
    held = client.get(re.search(r'href="([^"]+)">停在这一页', page)[1].replace("&amp;", "&")).text  # type: ignore[index]  # is there
    assert "refresh" not in held
    assert "data-next" not in held
    assert re.search(r'href="/wall\?view=reporting">继续换页', held)


def test_the_big_screen_is_for_those_who_may_see_the_county(county: Any) -> None:
    """A stranger is sent to the sign-in page."""
    with TestClient(county.app(open_viewing=False), "http://127.0.0.1") as stranger:
        answer = stranger.get("/wall", headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/wall")


def test_a_school_of_another_kind_is_said_to_be_none_of_the_rubric(
    client: TestClient, scored_county: Any
) -> None:
    """A vocational school is not "not scored yet" by the form for general schools."""
    kinds = scored_county.rubrics[RUBRIC].applies_to.kinds
    if SchoolKind.VOCATIONAL in kinds:
        rubric = scored_county.rubrics[RUBRIC]
        general = rubric.applies_to.model_copy(update={"kinds": (SchoolKind.GENERAL,)})
        scored_county.rubrics[RUBRIC] = rubric.model_copy(update={"applies_to": general})
    scored_county.add_school("zz-009", "职教中心", kind=SchoolKind.VOCATIONAL)
    assert "不适用于这类学校" in client.get("/?view=ranking").text
    assert "职教中心" not in client.get("/?view=heatmap").text
