"""How long every page of the example county takes, for the person who uses it.

    python benchmarks/pages.py [--schools 60] [--requests 20] [--data DIR]

A real collector serves the county that `campusgauge example` makes; its people sign in and ask for
their pages one after the other, in turns over all pages, so that what else the machine does falls
on all alike. Two kinds of cases are asked for: one that is still filled in, which is scored on
every look, and one under review. The empty page (`/sign-in`) tells the machine's own share.
With `--data` the county is kept there and used again.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias
from urllib.parse import quote

import httpx2
from overview import EMPTY, p95, served

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from browser_county import PASSWORD, build_example

from collector.domain import CaseKey, CaseState
from collector.people.first_admin import FIRST_ADMIN_FILE
from collector.settings import Settings
from collector.storage.sql_records import open_records
from collector.wiring_example import ROUND_ID, WRITTEN_RUBRIC

MEASURED = "zhongxian-smart-campus-general"
INDICATOR = "outlet_capacity"
DAYS = 14
CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")
PEOPLE = ("admin", "inspector", "headmaster")


Took: TypeAlias = tuple[int, int, list[float]]


@dataclass(frozen=True)
class Asked:
    """One page as one person sees it; nobody for the empty page."""

    name: str
    path: str
    person: str


def main() -> int:
    """Build or reuse the county, sign in, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schools", type=int, default=60)
    parser.add_argument("--requests", type=int, default=20, help="of each page")
    parser.add_argument("--data", type=Path, help="keep the county here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data: Path = options.data or Path(folder) / "county"
        codes = {} if data.exists() else build_example(data, options.schools, DAYS)
        pages = places(data)
        with served(data) as address:
            if codes:  # a start makes the first admin's code anew, into a file
                codes["admin"] = CODE.findall((data / FIRST_ADMIN_FILE).read_text("utf-8"))[0]
            clients = {person: signed_in(address, person, codes) for person in PEOPLE}
            clients[""] = httpx2.Client(base_url=address)
            report(ask(pages, clients, options.requests))
    return 0


def signed_in(address: str, name: str, codes: dict[str, str]) -> httpx2.Client:
    """Open a session: the first time with the one-time code, then by password."""
    client = httpx2.Client(base_url=address, timeout=60, headers={"accept": "text/html"})
    if name in codes:
        given = {"code": codes[name], "password": PASSWORD}
        answer = client.post("/api/v1/session/code", json=given)
    else:
        given = {"name": name, "password": PASSWORD}
        answer = client.post("/api/v1/session", json=given)
    answer.raise_for_status()
    return client


def places(data: Path) -> list[Asked]:
    """Return the pages: those of a school, and those of two cases with much in them."""
    records = open_records(Settings(data=data).records_url, lambda _: None)
    head = next(one for one in records.people() if one.name == "headmaster")
    school = head.school_id or ""
    reviewed = records.cases(ROUND_ID, state=CaseState.REVIEW)[0].key
    records.close()
    own = CaseKey(ROUND_ID, school, MEASURED)
    written = CaseKey(ROUND_ID, school, WRITTEN_RUBRIC)
    of_school = f"/schools/{school}/{MEASURED}"
    pages = {
        "": [("empty", EMPTY)],
        "headmaster": [
            ("cases of a school", f"/rounds/{ROUND_ID}/schools/{school}"),
            ("form, filled in", case(written)),
            ("form, measured", case(own)),
            ("evidence", case(own) + "/evidence"),
            ("signing", case(own) + "/signing"),
            ("result", case(written) + "/result"),
            ("appeals of a case", case(written) + "/appeals"),
        ],
        "inspector": [
            ("cases to review", "/review"),
            ("review", case(reviewed) + "/review"),
        ],
        "admin": [
            ("overview", f"/?rubric={MEASURED}"),
            ("heatmap", f"/?view=heatmap&rubric={MEASURED}"),
            ("ranking", f"/?view=ranking&rubric={WRITTEN_RUBRIC}"),
            ("townships", f"/?view=townships&rubric={MEASURED}"),
            ("overview of a round", f"/?view=heatmap&rubric={MEASURED}&round={ROUND_ID}"),
            ("wall", f"/wall?view=indicators&rubric={MEASURED}"),
            ("school", of_school),
            ("school, other document", f"/schools/{school}/{WRITTEN_RUBRIC}"),
            ("indicator", f"/schools/{school}/indicators/{INDICATOR}"),
            ("what-if", of_school + "/what-if"),
            ("rubrics", "/rubrics"),
            ("rubric", f"/rubrics/{MEASURED}"),
            ("rounds", "/rounds"),
            ("round", f"/rounds/{ROUND_ID}"),
            ("appeals", "/appeals"),
            ("agents", "/agents"),
            ("people", "/people"),
            ("audit", "/audit"),
        ],
    }
    return [Asked(name, path, who) for who, some in pages.items() for name, path in some]


def case(key: CaseKey) -> str:
    """Return the path of a case's form."""
    parts = (quote(part, safe="") for part in (key.round_id, key.school_id, key.rubric_id))
    return "/rounds/{}/schools/{}/rubrics/{}".format(*parts)


def ask(pages: list[Asked], clients: dict[str, httpx2.Client], number: int) -> dict[str, Took]:
    """Ask for every page in turn; its bytes, plain and as sent, and milliseconds until it is there.

    Of each page the first look comes first, which fills what is remembered for a while.
    """
    took: dict[str, Took] = {}
    for _ in range(number + 1):
        for page in pages:
            began = time.perf_counter()
            answer = clients[page.person].get(page.path)
            passed_ms = 1000 * (time.perf_counter() - began)
            if answer.status_code != 200:
                raise ValueError(f"{page.path}: {answer.status_code} {answer.text[:200]}")
            sent = answer.num_bytes_downloaded
            took.setdefault(page.name, (len(answer.content), sent, []))[2].append(passed_ms)
    return took


def report(took: dict[str, Took]) -> None:
    """Print the table."""
    print("| page | first ms | p50 ms | p95 ms | HTML kB | sent kB |\n|---|---|---|---|---|---|")
    for name, (size, sent, (first, *later)) in took.items():
        times = f"{first:.0f} | {median(later):.0f} | {p95(later):.0f}"
        print(f"| {name} | {times} | {size / 1000:.0f} | {sent / 1000:.1f} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
