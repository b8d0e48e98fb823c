"""The pages as a visitor without JavaScript gets them."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from collector.domain import Fact, SchoolKind
from collector.web.formatting import Formatter
from collector.web.language import load_translator
from collector.web.outline import Title, outline_of
from collector.web.sheet_page import SheetReader
from collector.web.verdicts import Result


class Text(HTMLParser):
    """The words of a page, without its markup."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        """Keep what is not blank."""
        if data.strip():
            self.words.append(data.strip())


def words(page: str) -> str:
    """Return the text of a page with single blanks."""
    return " ".join(Text(page).words)


def row(page: str, anchor: str) -> str:
    """Return the words of one criterion: its row and the explanation below."""
    found = re.search(
        rf'<tr role="row" id="{anchor}".*?(?=<tr role="row" id=|</tbody>)', page, re.S
    )
    assert found, f"no row {anchor}"
    return words(found.group())


def test_an_empty_county_says_what_to_do(client: TestClient) -> None:
    """The first page after installation must not be a blank table."""
    page = client.get("/").text
    assert "还没有学校" in page
    assert "campusgauge school add" in page


def test_the_overview_tells_reporting_states_apart(client: TestClient, busy_county: Any) -> None:
    """Silence, a missing agent and an agent that never spoke need different next steps."""
    text = words(client.get("/").text)
    assert "正常上报 3 分钟前 ，1 台主机" in text
    assert "上报中断 3 天前 ，最后一次在 2026-11-17 14:00 (UTC+8)，1 台主机" in text
    assert "尚未上报 1 台主机" in text
    assert "未安装 请生成登记码并安装采集程序" in text
    assert busy_county.records.schools()[1].heads is None
    assert "在校师生人数未知" in text


def test_silent_schools_come_first(client: TestClient, busy_county: Any) -> None:
    """An official must not have to look for the schools whose agents died."""
    page = client.get("/").text
    order = re.findall(r'href="/schools/([^"/?]+)"', page)
    assert order == ["zx-002", "zx-003", "zx-004", "zx-001"]
    assert len(busy_county.records.schools()) == 4


def test_the_overview_shows_counts_and_says_where_there_are_none(
    client: TestClient, busy_county: Any
) -> None:
    """A school without a sheet has no counts; zeros would be a verdict."""
    page = client.get("/").text
    example = page[page.index('href="/schools/zx-001"') :]
    assert words(example[: example.index("</tr>")]).count("达标 1") == 2  # 达标 1, 未达标 1
    silent = page[page.index('href="/schools/zx-002"') :]
    silent_row = words(silent[: silent.index("</tr>")])
    assert "尚未评分" in silent_row
    assert " 0" not in silent_row
    assert busy_county.records.latest_sheet("zx-002", "test-campus") is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=silent", ["zx-002"]),
        ("?state=not_installed", ["zx-004"]),
        ("?state=nonsense", ["zx-002", "zx-003", "zx-004", "zx-001"]),
        ("?q=小学&sort=name", ["zx-003", "zx-004", "zx-001"]),
        ("?q=ZX-003", ["zx-003"]),
        ("?sort=-state", ["zx-001", "zx-004", "zx-003", "zx-002"]),
        ("?sort=not_met", ["zx-001", "zx-002", "zx-003", "zx-004"]),
        ("?q=没有这所", []),
    ],
)
@pytest.mark.usefixtures("busy_county")
def test_filters_and_orders_are_plain_addresses(
    client: TestClient, query: str, expected: list[str]
) -> None:
    """Without JavaScript an address is all there is; an unknown filter hides nothing."""
    page = client.get("/" + query).text
    assert re.findall(r'href="/schools/([^"/?]+)"', page) == expected


def test_a_hundred_schools_make_a_page(client: TestClient, county: Any) -> None:
    """A county of 3,000 schools must stay readable, and every school reachable."""
    for number in range(205):
        county.add_school(f"s-{number:03d}")
    seen = []
    for page in (1, 2, 3):
        text = client.get(f"/?view=schools&page={page}").text
        seen.append(re.findall(r'href="/schools/([^"/?]+)"', text))
    assert [len(names) for names in seen] == [100, 100, 5]
    assert len({name for names in seen for name in names}) == 205
    assert client.get("/?view=schools&page=99").text.count('href="/schools/') == 5


@pytest.mark.usefixtures("busy_county")
def test_a_void_measurement_is_insufficient_beside_the_contract(client: TestClient) -> None:
    """Threshold of this school, contract, missing measurement and the reason stand side by side."""
    text = row(client.get("/schools/zx-001").text, "criterion-1a")
    assert "≥ 660.48 Mbit/s 512 kbit/s × 在校师生 1290 人" in text
    assert "9120.5 Mbit/s 不作判定依据 p90" in text
    assert "12 次不计" in text
    assert "1000 Mbit/s 合同 截至 2026-09-01" in text
    assert "证据不足" in text
    assert "算式 9120.5 ≥ 512 × 1290 ÷ 1000 = 660.48" in text
    assert "测速服务器与本机是同一台主机" in text


@pytest.mark.usefixtures("busy_county")
def test_a_measured_value_says_how_it_came_about(client: TestClient) -> None:
    """Every number can say why and from when; the days are local ones."""
    text = row(client.get("/schools/zx-001").text, "criterion-1b")
    assert "1000 Mbit/s 最小值 ， 1980 次采样 ， 14 天 ， 覆盖 98.2% ， 2026-11-06 至" in text
    assert "未达标" in text


@pytest.mark.usefixtures("busy_county")
def test_what_nobody_entered_says_so_in_one_line(client: TestClient) -> None:
    """Thirty open questions must stay scannable: one row each, the reason in it."""
    text = row(client.get("/schools/zx-001").text, "criterion-1d")
    assert text.startswith("1d 建有无线网络 还没有填报。")
    assert text.endswith("证据不足")


def test_a_reason_without_a_sentence_is_still_shown(county: Any) -> None:
    """A newer engine may know codes that this list lacks; silence would be worse."""
    outline = outline_of(county.rubrics["test-campus"])
    formatter = Formatter(load_translator("zh"), ZoneInfo("Asia/Shanghai"))
    view = SheetReader(outline, {}, formatter, {}).read(
        {"items": {"2": {"findings": [{"id": "2a", "result": "insufficient", "reason": "newer"}]}}}
    )
    reasons = {finding.label: finding.reason for finding in view.findings}
    assert reasons == {"1": None, "2a": "newer", "3": None}
    assert {finding.result for finding in view.findings} == {Result.INSUFFICIENT}


@pytest.mark.usefixtures("busy_county")
def test_conflicting_values_stand_side_by_side(client: TestClient) -> None:
    """A declaration is never overwritten by a measurement, nor the other way round."""
    text = row(client.get("/schools/zx-001").text, "criterion-2a")
    assert "4 TB" in text
    assert "8000 GB 申报" in text
    assert "数据矛盾" in text


@pytest.mark.usefixtures("busy_county")
def test_next_steps_name_who_and_link_to_the_criteria(client: TestClient) -> None:
    """The headmaster reads what falls short first, then causes, not codes of items."""
    page = client.get("/schools/zx-001").text
    steps = page[page.index('<ol class="steps"') : page.index("</ol>")]
    assert re.findall(r'href="\?#criterion-(\w+)"', steps) == ["1b", "1a", "2a", "1d"]
    assert words(steps).startswith("学校 未达到要求")
    assert "网管员 测速服务器与本机是同一台主机" in words(steps)
    assert "学校填报人" in words(steps)


@pytest.mark.usefixtures("busy_county")
def test_a_verdict_filter_keeps_only_its_criteria_and_all_counts(client: TestClient) -> None:
    """The filter narrows the table; the totals above it stay those of the sheet."""
    page = client.get("/schools/zx-001?show=not-met").text
    assert re.findall(r'id="criterion-(\w+)"', page) == ["1b"]
    assert "共 6 条判定条件" in words(page)


@pytest.mark.usefixtures("busy_county")
def test_the_sheet_tells_where_it_comes_from(client: TestClient, county: Any) -> None:
    """Hash, time, document and the JSON address let anybody recompute the sheet."""
    page = client.get("/schools/zx-001").text
    sheet = county.records.latest_sheet("zx-001", "test-campus")
    assert sheet.content_hash in page
    assert "计算于 2026-11-20 14:00 (UTC+8)" in words(page)
    assert "测试文件第一号" in page
    answer = client.get("/api/v1/schools/zx-001/sheets/test-campus").json()
    assert answer["content_hash"] == sheet.content_hash


@pytest.mark.usefixtures("busy_county")
def test_the_profile_shows_declared_facts_with_their_date(client: TestClient, county: Any) -> None:
    """Who declared what, and as of when, is part of the number."""
    fact = Fact("zx-001", "contracted_mbps", "1000", date(2026, 9, 1), "网管员", county.now)
    county.records.add_fact(fact)
    text = words(client.get("/schools/zx-001").text)
    assert "合同出口带宽 1000 Mbit/s 网管员 申报，截至 2026-09-01" in text
    assert "在校师生 1290 人 截至 2026-09-01" in text
    unknown = words(client.get("/schools/zx-002").text)
    assert "学生 未知" in unknown


@pytest.mark.usefixtures("busy_county")
def test_agents_and_readings_are_on_the_page(client: TestClient) -> None:
    """A clock that is off and a limited reading must be visible where the school looks."""
    text = words(client.get("/schools/zx-001").text)
    assert "server-01 linux" in text
    assert "时钟偏差 1 分钟，请校时" in text
    assert "outlet_bandwidth default 受限 download_line_rate_mbps 9120.5" in text
    assert "campusgauge enrol-code --data DIR --school zx-004" in words(
        client.get("/schools/zx-004").text
    )


def test_a_school_that_no_rubric_fits_is_told_so(client: TestClient, county: Any) -> None:
    """A vocational school is not scored by the general form."""
    county.add_school("zx-100", "职业中学", kind=SchoolKind.VOCATIONAL)
    assert "没有适用于这类学校的评分细则" in client.get("/schools/zx-100").text
    assert "这份评分细则不适用于这类学校" in client.get("/schools/zx-100/test-campus").text


@pytest.mark.usefixtures("busy_county")
def test_unusable_data_is_explained_on_the_page(client: TestClient, county: Any) -> None:
    """A wrong entry must not turn the school's page into a failure."""
    county.sheets.refusal = "students must not be negative"
    answer = client.get("/schools/zx-001")
    assert answer.status_code == 200
    assert "students must not be negative" in answer.text


def test_names_are_text_never_markup(client: TestClient, county: Any) -> None:
    """A school name is somebody's input."""
    county.add_school("zx-200", "<script>alert(1)</script>")
    assert "<script" not in client.get("/").text
    assert "&lt;script&gt;" in client.get("/schools/zx-200").text


@pytest.mark.usefixtures("busy_county")
def test_english_pages_have_no_chinese_but_official_and_given_texts(client: TestClient) -> None:
    """An English reader gets English; clauses and names stay as the document has them."""
    page = client.get("/schools/zx-001?lang=en").text
    assert '<html lang="en">' in page
    page = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", page, flags=re.S)
    text = words(page).replace("示例小学", "").replace("网管员", "")
    assert not re.search("[\u4e00-\u9fff]", text), re.findall("[\u4e00-\u9fff]+", text)
    assert "Insufficient" in text
    assert "as of 2026-09-01" in text
    assert "Campus network form for tests" in text
    assert '<small lang="en">Outlet</small>' in client.get("/schools/zx-001").text
    again = client.get("/schools/zx-001").text
    assert '<html lang="en">' in again, "the choice is remembered"


@pytest.mark.parametrize("path", ["/", "/schools/zx-001", "/sign-in", "/schools/none", "/docs"])
@pytest.mark.usefixtures("busy_county")
def test_pages_hold_one_heading_no_script_and_no_inline_style(
    client: TestClient, path: str
) -> None:
    """The content policy forbids scripts and inline styles; a page has one first heading."""
    page = client.get(path).text
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("busy_county")
def test_a_page_for_a_missing_school_says_what_to_do_in_both_languages(client: TestClient) -> None:
    """Not found is a page with a way back, not a line of JSON."""
    answer = client.get("/schools/none")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.text
    assert "There is no such page" in client.get("/schools/none?lang=en").text


def test_a_wrong_parameter_is_a_page_too(client: TestClient) -> None:
    """422 reaches a person as words."""
    answer = client.get("/?page=zero")
    assert answer.status_code == 422
    assert "地址中的参数不对" in answer.text


def test_visits_change_no_school(client: TestClient, busy_county: Any) -> None:
    """Looking must not edit profiles, agents or readings."""
    before = (busy_county.records.schools(), busy_county.records.agents())
    client.get("/")
    client.get("/schools/zx-001")
    assert (busy_county.records.schools(), busy_county.records.agents()) == before
    assert busy_county.now - timedelta(minutes=3) == before[1][0].last_seen_at


def test_a_veto_and_a_grade_are_spelled_out(county: Any) -> None:
    """The grade is named by its title, and a veto stands above the points."""
    county.add_school("zx-001")
    stored = county.sheets.score("zx-001", "test-campus", county.now)
    sheet = json.loads(stored.sheet_json)
    sheet["outcome"] |= {"vetoed": True, "band": "good"}
    outline = replace(outline_of(county.rubrics["test-campus"]), bands={"good": Title("良好")})
    formatter = Formatter(load_translator("zh"), ZoneInfo("Asia/Shanghai"))
    view = SheetReader(outline, {}, formatter, {}).read(sheet)
    assert (view.vetoed, view.band) == (True, "良好")
