"""Every example of docs/rubrics.md is run: documentation that is wrong fails."""

import re
from pathlib import Path

import pytest

from rubrics.examples import run_examples
from rubrics.loader import parse_rubric
from rubrics.model.rules import Rule

PAGE = Path(__file__).parents[2] / "docs" / "rubrics.md"
BLOCKS = re.findall(r"^### (.+?)\n|^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
EXAMPLES = [block for _, block in BLOCKS if block]
HEADER = 'id: doc\nversion: "1"\ntitle: 例\nauthority: 例\nsource: {document: 例}\n'


def complete(block: str) -> str:
    """Give a block of the page its header, and items their section."""
    if "\nsections:\n" in block:
        return HEADER + block
    before, items, rest = re.split(r"^(items:\n(?:[ ].*\n)+)", block, maxsplit=1, flags=re.M)
    indented = re.sub(r"^", "    ", items, flags=re.M).rstrip() + "\n"
    return f"{HEADER}{before}sections:\n  - id: A\n    title: 例\n{indented}{rest}"


@pytest.mark.parametrize("block", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_on_the_page_comes_out(block: str) -> None:
    """The hand-worked results of the page are what the engine finds."""
    rubric = parse_rubric(complete(block))
    assert rubric.examples
    assert run_examples(rubric) == []


def test_every_rule_type_has_an_example() -> None:
    """No rule type of the language lacks a worked example."""
    types = {rule.model_fields["type"].annotation.__args__[0] for rule in Rule.__origin__.__args__}
    shown = set(re.findall(r"type: (\w+)", "\n".join(EXAMPLES)))
    assert types <= shown
