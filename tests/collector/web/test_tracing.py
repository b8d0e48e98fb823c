"""Each figure on a school's page is traced to the stored samples it came from, and recomputed."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from collector.domain import Batch, Entry, Fact, Outcome, StoredReading
from collector.scoring.calendar import CHINA
from collector.scoring.service import ScoringService
from collector.web.formatting import Formatter
from collector.web.language import load_translator
from rubrics.loader import official_rubrics

SCHOOL = "zx-001"
HEADS = 1290
ALL_READINGS = 10_000
POINTED = "zhongxian-inspection"
"""A document whose items have points."""
FORMATTER = Formatter(load_translator("zh"), ZoneInfo("Asia/Shanghai"))


@dataclass
class Figure:
    """One number of the page: its origin, its text, and where it leads."""

    origin: str
    text: str
    href: str


class Figures(HTMLParser):
    """Collects every element that the page marks as a number."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Figure] = []
        self._open: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a figure where the class says so."""
        given = {name: value or "" for name, value in attrs}
        if "num" in given.get("class", "").split():
            self.found.append(Figure(given.get("data-origin", ""), "", given.get("href", "")))
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        """End the figure."""
        if tag == self._open:
            self._open = None

    def handle_data(self, data: str) -> None:
        """Keep the figure's text."""
        if self._open:
            self.found[-1].text += data


def readings(now: Any) -> Iterator[StoredReading]:
    """Yield a month of readings: two uplinks, a backbone, a volume, the outlet's port."""
    for number in range(60):
        at = now - timedelta(hours=11 * number + 1)
        limits = ("nic",) if number % 7 == 0 else ("same_host",) if number % 11 == 0 else ("line",)
        rows: list[tuple[str, str, dict[str, float], dict[str, str], tuple[str, ...]]] = [
            ("outlet_bandwidth", "telecom",
             {"download_line_rate_mbps": 300 + 37.25 * (number % 9)}, {}, limits),
            ("outlet_bandwidth", "unicom",
             {"download_line_rate_mbps": 80 + 3.5 * (number % 13)}, {}, ()),
            ("switch_links", "core/1", {"speed_mbps": 10000.0 if number else 1000.0},
             {"role": "backbone"}, ()),
            ("storage_volumes", "volume-1", {"usable_bytes": 7.5e12 + number * 1e9}, {}, ()),
            ("wan_counters", "telecom",
             {"download_peak_mbps": 200.5 + number % 17, "port_speed_mbps": 1000.0}, {}, ()),
        ]  # fmt: skip
        for place, (probe, target, values, labels, causes) in enumerate(rows):
            yield StoredReading(
                sequence=5 * number + place + 1,
                probe=probe,
                target=target,
                time=at,
                outcome=Outcome.LIMITED if causes not in ((), ("line",)) else Outcome.OK,
                values=values,
                labels=labels,
                limited_by=causes,
            )


@pytest.fixture
def traced(county: Any) -> Any:
    """Return a county whose sheets come from stored samples, facts and entries."""
    county.add_school(SCHOOL)
    agent = county.add_agent(SCHOOL)
    batch = Batch("b1", SCHOOL, agent, "s1", 1, county.now, tuple(readings(county.now)))
    county.series.apply_batches([batch])
    day, now = date(2026, 9, 1), county.now
    for name, value in (("contracted_mbps", "600"), ("backbone_links", "1")):
        county.records.add_fact(Fact(SCHOOL, name, value, day, "王老师", now))
    county.records.add_entry(Entry(SCHOOL, "test-campus", "1", "wired_points", 1620, "王老师", now))
    county.rubrics[POINTED] = official_rubrics()[POINTED]
    county.sheets = ScoringService(county.records, county.series, county.rubrics)
    return county


def quantile(values: list[float], share: float) -> float:
    """Interpolate linearly between the two nearest values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class Samples:
    """The stored readings, and the figures by the words of their definitions."""

    def __init__(self, county: Any) -> None:
        self.county = county
        self.readings = county.series.latest_readings(SCHOOL, limit=ALL_READINGS)

    def of(self, probe: str, name: str, target: str | None = None) -> list[float]:
        """Return the values of a series without void samples, oldest first."""
        return [
            one.reading.values[name]
            for one in reversed(self.readings)
            if one.reading.probe == probe
            and name in one.reading.values
            and target in (None, one.reading.target)
            and "same_host" not in one.reading.limited_by
        ]

    def indicator(self, name: str) -> str:
        """Recompute an indicator of the page."""
        rate = "download_line_rate_mbps"
        match name:
            case "outlet_capacity":
                uplinks = (
                    quantile(self.of("outlet_bandwidth", rate, uplink), 0.9)
                    for uplink in ("telecom", "unicom")
                )
                return FORMATTER.quantity(f"{sum(uplinks):.12g}", "Mbit/s")
            case "backbone_link_speed":
                return FORMATTER.quantity(min(self.of("switch_links", "speed_mbps")), "Mbit/s")
            case "storage_usable_bytes":
                least = min(self.of("storage_volumes", "usable_bytes"))
                return FORMATTER.quantity(f"{least:.12g}", "byte")
        raise AssertionError(f"the page shows an indicator that no test knows: {name}")

    def summary(self, series: str) -> str:
        """Recompute a figure of the outlet."""
        probe, name = series.split(".")
        values = self.of(probe, name)
        number = max(values) if name == "download_peak_mbps" else values[-1]
        return FORMATTER.quantity(number, "Mbit/s")

    def reading(self, place: str) -> str:
        """Return the value of one stored reading."""
        which, name = place.split("#")
        agent, sequence = which.rsplit("/", 1)
        found = next(
            one.reading
            for one in self.readings
            if one.agent_id == agent and one.reading.sequence == int(sequence)
        )
        return FORMATTER.quantity(found.values[name])

    def resolve(self, origin: str) -> str:
        """Return what the page has to show for an origin."""
        kind, _, name = origin.partition(":")
        match kind:
            case "indicator":
                return self.indicator(name)
            case "summary":
                return self.summary(name)
            case "reading":
                return self.reading(name)
            case "fact":
                value = self.county.records.facts(SCHOOL)[name].value
                return FORMATTER.quantity(value, "Mbit/s" if name.endswith("_mbps") else None)
            case "entry":
                item, entry = name.split("/")
                rows = self.county.records.entries(SCHOOL, "test-campus")
                row = next(r for r in rows if (r.item_id, r.name) == (item, entry))
                return FORMATTER.quantity(row.value, "count")
            case "profile":
                number = getattr(self.county.records.school(SCHOOL), name)
                return FORMATTER.quantity(number, "class" if name == "classes" else "person")
            case "threshold":
                return "≥ " + FORMATTER.quantity(*THRESHOLDS[name])
        raise AssertionError(f"unknown origin {origin!r}")


THRESHOLDS = {
    "1/1a": (str(Decimal(512 * HEADS) / 1000), "Mbit/s"),
    "1/1b": ("10000", "Mbit/s"),
    "1/1c": ("1548", "count"),
    "2/2a": (str(5 * 10**9 * HEADS), "byte"),
}
"""The official words times 1290 people: 512 kbit/s, 1.2 points, 5 GB each."""


def test_each_figure_of_the_page_leads_to_stored_samples(traced: Any, client: TestClient) -> None:
    """No number on the page is without an origin, and each origin gives that very number."""
    figures = Figures(client.get(f"/schools/{SCHOOL}").text).found
    samples = Samples(traced)
    assert [figure for figure in figures if not figure.origin] == []
    wrong = {
        figure.origin: (figure.text, samples.resolve(figure.origin))
        for figure in figures
        if figure.text != samples.resolve(figure.origin)
    }
    assert wrong == {}
    kinds = {figure.origin.partition(":")[0] for figure in figures}
    assert kinds == {
        "indicator", "summary", "reading", "fact", "entry", "profile", "threshold",
    }  # fmt: skip


def test_a_measured_figure_links_to_its_samples(traced: Any, client: TestClient) -> None:
    """One click leads from the number to every test behind it, void and limited ones marked."""
    page = Figures(client.get(f"/schools/{SCHOOL}").text).found
    shown = next(f for f in page if f.origin == "indicator:outlet_capacity" and f.href)
    indicator = client.get(shown.href)
    assert indicator.status_code == 200
    assert shown.text in [figure.text for figure in Figures(indicator.text).found]
    path, _, query = shown.href.partition("?")
    charts = json.loads(client.get(f"{path}/points.json?{query}").text)["charts"]
    points = charts[0]["points"]
    samples = Samples(traced)
    stored = sorted(samples.of("outlet_bandwidth", "download_line_rate_mbps"))
    assert sorted(p["median"] for p in points if not p["void"]) == stored
    assert {p["samples"] for p in points} == {1}
    assert sum(p["void"] for p in points) == sum("same_host" in p["limited_by"] for p in points)
    assert any("nic" in p["limited_by"] for p in points)
    assert charts[0]["threshold"] == 660.48
    rates = [quantile(samples.of("outlet_bandwidth", "download_line_rate_mbps", uplink), 0.9)
             for uplink in ("telecom", "unicom")]  # fmt: skip
    assert shown.text == FORMATTER.quantity(f"{sum(rates):.12g}", "Mbit/s")


NUMBER = re.compile(r"\d+(?:\.\d+)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d \(UTC\+8\))?")
NAMES = {"time", "code", "c-id", "item-id", "refs", "agents", "lang=zh-CN"}
"""Elements whose digits are names, official words, or a time beside its exact form."""
VOID = {"use", "rect", "br", "input"}
SERIES = {
    "outlet_capacity": ("outlet_bandwidth", "download_line_rate_mbps", ("telecom", "unicom")),
    "backbone_link_speed": ("switch_links", "speed_mbps", ("core/1",)),
    "storage_usable_bytes": ("storage_volumes", "usable_bytes", ("volume-1",)),
}
BASIS = re.compile(
    r'data-origin="indicator:(\w+)"[^>]*>[^<]*</a>.*?<small>(.*?)</small>', re.DOTALL
)


class Numerals(HTMLParser):
    """Collects every text of the page's content that has a digit, with the elements around it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, set[str]]] = []
        self._around: list[tuple[str, set[str]]] = []
        self.feed("<main>" + page.partition("<main ")[2].partition(">")[2].partition("</main>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element: its tag, its classes, its language."""
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            words = {tag, *given.get("class", "").split(), f"lang={given.get('lang', '')}"}
            self._around.append((tag, words))

    def handle_endtag(self, tag: str) -> None:
        """Leave the element and what was not closed in it."""
        while self._around and self._around.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep a text with a digit."""
        if any(character.isdigit() for character in data):
            around = set[str]().union(*(words for _, words in self._around))
            self.found.append((data.strip(), around))


def test_every_other_number_is_accounted_for(traced: Any, client: TestClient) -> None:
    """Beside figures stand counts of the sheet; in workings, the figures and the rubric's own."""
    page = client.get(f"/schools/{SCHOOL}").text
    numerals = Numerals(page).found
    figures = {n for text, around in numerals if "num" in around for n in NUMBER.findall(text)}
    figures |= {f"{float(n) * 1000:g}" for n in figures}  # in workings one unit lower: 7.5 TB
    rubric = set(NUMBER.findall(traced.rubrics["test-campus"].model_dump_json()))
    stored = json.loads(traced.records.latest_sheet(SCHOOL, "test-campus").sheet_json)
    results = [f["result"] for item in stored["items"].values() for f in item["findings"]]
    counted = {str(n) for n in (len(results), 0, *Counter(results).values())}
    for item in stored["items"].values():
        counted |= {str(n) for n in Counter(f["result"] for f in item["findings"]).values()}
    targets = {one.reading.target for one in Samples(traced).readings}
    strange = [
        (text, number)
        for text, around in numerals
        if not around & {*NAMES, "num", "small"} and text not in targets
        for number in NUMBER.findall(DATE.sub("", text))
        if number not in figures | rubric | counted | {"50"}
    ]
    assert strange == [], "50 is how many readings the page shows"
    assert len(figures) > 20


def test_what_a_measured_figure_rests_on_is_what_is_stored(traced: Any, client: TestClient) -> None:
    """Days and samples beside each measured figure are recounted from the readings."""
    page = client.get(f"/schools/{SCHOOL}").text
    samples = Samples(traced)
    seen = set()
    for indicator, basis in BASIS.findall(page):
        text = re.sub(r"<[^>]+>", "", basis)
        since, until = (date.fromisoformat(day) for day in DATE.findall(text)[-2:])
        probe, name, within = SERIES[indicator][0], SERIES[indicator][1], []
        for target in SERIES[indicator][2]:
            held = [
                one.reading
                for one in samples.readings
                if (one.reading.probe, one.reading.target) == (probe, target)
                and name in one.reading.values
                and since <= one.reading.time.astimezone(CHINA).date() <= until
            ]
            void = sum("same_host" in one.limited_by for one in held)
            within.append((len(held) - void, void))
        assert f"{min(good for good, _ in within)} 次采样" in text
        assert f"{(until - since).days + 1} 天" in text
        void = sum(bad for _, bad in within)
        assert (f"{void} 次不计" in text) == (void > 0)
        seen.add(indicator)
    assert seen == set(SERIES)


def test_points_add_up_to_the_total_that_is_shown(traced: Any, client: TestClient) -> None:
    """Each point figure is the stored sheet's, the items' add up, and an item follows its entry."""
    entry = Entry(SCHOOL, POINTED, "C4", "rooms_missing", 3, "王老师", traced.now)
    traced.records.add_entry(entry)
    figures = Figures(client.get(f"/schools/{SCHOOL}/{POINTED}").text).found
    sheet = json.loads(traced.records.latest_sheet(SCHOOL, POINTED).sheet_json)
    points: dict[str, list[str]] = {}
    for figure in figures:
        if figure.origin.startswith("points:"):
            points.setdefault(figure.origin.removeprefix("points:"), []).append(figure.text)
    assert points["item/C4"] == ["1.5"], "3 − 3 × 0.5"
    items = {name: one for name, one in sheet["items"].items() if one.get("max") is not None}
    for name, stored in items.items():
        assert points[f"item/{name}"] == shown(stored)
    for bound in ("proven", "possible"):
        total = sum(Decimal(one[bound]) for one in items.values())
        assert total == Decimal(sheet["total"][bound])
    assert points["total"] == shown(sheet["total"])
    assert len(items) > 15


def shown(points: Any) -> list[str]:
    """Return points as a page shows them: one number where nothing is open, else both."""
    settled = points["proven"] == points["possible"]
    return [points["proven"]] if settled else [points["proven"], points["possible"]]
