"""The county's pages stay quick as it grows: the short form of `benchmarks/overview.py`."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from collector.app import create_app, open_stores
from collector.settings import Settings
from rubrics.loader import official_rubrics

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "overview.py"
SCHOOLS = 200
LOOKS = 5
MOST_TIMES_THE_EMPTY_PAGE = 40
"""Measured with 3,000 schools: up to 25 times; this county has a fifteenth of them."""
MOST_QUESTIONS = 15
"""To the record store; measured: 8."""


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """Return the benchmark as a module."""
    spec = importlib.util.spec_from_file_location("overview_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def county(bench: ModuleType) -> Iterator[TestClient]:
    """Yield a client of a county of that many schools, each with two summaries."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        settings = Settings(data=Path(folder))
        stores = open_stores(settings, lambda _: None)
        bench.fill(stores.records, SCHOOLS)
        app = create_app(settings, stores, official_rubrics())
        headers = {"accept": "text/html"}
        yield TestClient(app, "http://127.0.0.1:8300", headers=headers, client=("127.0.0.1", 50000))
        stores.close()


def quickest_ms(client: TestClient, path: str) -> float:
    """Return the shortest of some looks: what the page costs, whatever else the machine does."""
    took = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        assert client.get(path).status_code == 200
        took.append(1000 * (time.perf_counter() - began))
    return min(took)


def test_every_view_costs_a_bounded_multiple_of_the_empty_page(
    bench: ModuleType, county: TestClient
) -> None:
    """Ranking once compared fractions pair by pair: 250 times the empty page."""
    page = county.get(bench.VIEWS["heatmap"]).text
    assert page.count("criterion-") == 100 * bench.INDICATORS
    empty_ms = quickest_ms(county, bench.EMPTY)
    times = {name: quickest_ms(county, path) / empty_ms for name, path in bench.VIEWS.items()}
    slow = {name: ratio for name, ratio in times.items() if ratio > MOST_TIMES_THE_EMPTY_PAGE}
    assert slow == {}


def test_a_look_asks_the_record_store_a_few_questions(
    bench: ModuleType, county: TestClient
) -> None:
    """Their number does not grow with the schools, and nobody changed a school: none is read."""
    engine = county.app.state.records._database.engine  # type: ignore[attr-defined]  # noqa: SLF001  # to listen
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    for path in bench.VIEWS.values():
        county.get(path)
        asked.clear()
        event.listen(engine, "before_cursor_execute", note)
        county.get(path)
        event.remove(engine, "before_cursor_execute", note)
        questions = [one for one in asked if one.startswith("SELECT")]
        assert 0 < len(questions) <= MOST_QUESTIONS, questions
        assert not [one for one in questions if "\nFROM schools" in one]
