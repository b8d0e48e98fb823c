"""What holds for every official rubric that ships."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

import rubrics.engine
from rubrics.engine import evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric, official_paths
from rubrics.model.rubric import Rubric, RubricFile
from rubrics.reasons import load_reasons
from rubrics.yaml_source import parse

IDS = list(official_paths())


@pytest.mark.parametrize("rubric_id", IDS)
def test_examples_come_out(rubric_id: str) -> None:
    """The hand-worked examples inside a rubric are what the engine finds."""
    rubric = load_rubric(rubric_id)
    assert rubric.examples
    assert run_examples(rubric) == []


@pytest.mark.parametrize("rubric_id", IDS)
def test_rubric_survives_json(rubric_id: str) -> None:
    """A rubric written as JSON and read again says the same, to the digit."""
    rubric = load_rubric(rubric_id)
    again = Rubric.model_validate_json(rubric.model_dump_json(by_alias=True))
    assert again.content_hash == rubric.content_hash


@pytest.mark.parametrize("rubric_id", IDS)
def test_file_fits_the_json_schema(rubric_id: str) -> None:
    """The JSON Schema that editors use accepts every official file."""
    data = parse(official_paths()[rubric_id].read_text(encoding="utf-8")).data
    plain = json.loads(json.dumps(data, default=float))
    schema = RubricFile.model_json_schema(by_alias=True)
    wrong = jsonschema.Draft202012Validator(schema).iter_errors(plain)
    assert [error.json_path for error in wrong] == []


@pytest.mark.parametrize("rubric_id", IDS)
def test_empty_case_proves_nothing(rubric_id: str) -> None:
    """Nothing known: nothing proven, everything possible, and every item says what is missing."""
    rubric = load_rubric(rubric_id)
    kind = rubric.applies_to.kinds[0]
    sheet = evaluate(rubric, {"school": {"kind": kind}})
    assert sheet.status == "provisional"
    for result in sheet.items.values():
        assert result.low == 0
        if result.max is not None:
            assert result.high == result.max
    written = sheet.to_json()
    reasons = {
        finding["reason"]
        for item in written["items"].values()
        for finding in item["findings"]
        if finding["result"] == "insufficient"
    }
    assert reasons <= set(load_reasons())


@pytest.mark.parametrize("rubric_id", IDS)
def test_items_sum_to_their_sections_and_the_total(rubric_id: str) -> None:
    """An item stands in exactly one lowest section; ids are those of the rubric's document."""
    rubric = load_rubric(rubric_id)
    items = list(rubric.items())
    assert len({item.id for item in items}) == len(items)
    assert sum(len(list(section.all_items())) for section in rubric.sections) == len(items)


def test_every_reason_the_engine_gives_has_a_sentence() -> None:
    """A code without words would reach a headmaster as a code."""
    folder = Path(rubrics.engine.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    written = set(re.findall(r'(?:INSUFFICIENT|DISPUTED|NOT_MET|unit), "([a-z_]+)"', source))
    written |= set(re.findall(r'"((?:missing|too_few|too_little|reading)_[a-z_]+)"', source))
    assert {"missing_entry", "division_by_zero", "too_few_samples"} <= written
    assert written - {"missing_fact", "missing_reference"} <= set(load_reasons())
