"""The hash of a sheet says what it was computed from, not how a file was read."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.cli.case_file import read_case_file
from rubrics.engine import evaluate
from rubrics.loader import load_rubric

GENERAL = load_rubric("zhongxian-smart-campus-general")
TEXT = """{
  "school": {"kind": "general", "students": 1200, "staff": 90},
  "indicators": {"outlet_capacity": {"value": 980.50, "unit": "Mbit/s", "samples": 60, "days": 14,
                                     "coverage": 0.930, "limited_by": []}},
  "entries": {"1": {"wired_points": 1548.0}}
}"""


def sheet(case: Any) -> dict[str, Any]:
    """Score a case."""
    return evaluate(GENERAL, case).to_json()


def test_every_way_to_read_a_file_gives_one_sheet(tmp_path: Path) -> None:
    """Floats, Decimals and the command's reader: the same sheet to the last byte."""
    path = tmp_path / "case.json"
    path.write_text(TEXT, encoding="utf-8")
    written = {
        json.dumps(sheet(case))
        for case in (
            json.loads(TEXT),
            json.loads(TEXT, parse_float=Decimal),
            read_case_file(path),
        )
    }
    assert len(written) == 1


def test_the_order_of_keys_does_not_matter() -> None:
    """Two programs may write the same case in another order."""
    case = json.loads(TEXT)
    turned = dict(reversed(case.items()))
    assert sheet(case)["content_hash"] == sheet(turned)["content_hash"]


@pytest.mark.parametrize(
    ("here", "before", "after"),
    [("coverage", "0.930", "0.931"), ("wired_points", "1548.0", "1549.0")],
)
def test_another_number_gives_another_hash(here: str, before: str, after: str) -> None:
    """What the sheet was computed from cannot change unseen."""
    assert f'"{here}": {before}' in TEXT
    changed = json.loads(TEXT.replace(before, after))
    assert sheet(changed)["content_hash"] != sheet(json.loads(TEXT))["content_hash"]
