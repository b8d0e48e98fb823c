"""Start of a new rubric: the JSON Schema that editors complete with, and the skeleton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rubrics.model.rubric import RubricFile

SKELETON_PATH = Path(__file__).with_name("skeleton.yaml")
SCHEMA_FILE = "rubric.schema.json"
"""Name that the first line of a new rubric refers to."""


def rubric_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of one rubric file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CampusGauge rubric 评分细则",
        **RubricFile.model_json_schema(by_alias=True),
    }


def skeleton(rubric_id: str, file: str) -> str:
    """Return a commented rubric that lints clean and passes its examples."""
    text = SKELETON_PATH.read_text(encoding="utf-8")
    return text.replace("{id}", rubric_id).replace("{file}", file)
