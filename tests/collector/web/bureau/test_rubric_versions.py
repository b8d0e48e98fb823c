"""Versions of a rubric: where each is used, and what changed in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from collector.domain import Act, Document, RoundState
from collector.web.language import load_translator
from collector.web.rubric_versions_page import change_groups, marked
from rubrics.loader import official_rubrics
from rubrics.model import Rubric

RUBRIC = "zhongxian-inspection"


def older_version() -> Rubric:
    """Return the inspection rubric as an earlier year might have had it."""
    content = official_rubrics()[RUBRIC].model_dump(mode="json", by_alias=True)
    content |= {"version": "2020.1", "examples": []}
    section = content["sections"][0]
    while not section["items"]:
        section = section["sections"][0]
    section["items"][0]["text"] += "（旧）"
    reading = next(iter(content["readings"].values()))
    reading["alternatives"][reading["default"]]["meaning"]["zh"] = "旧的读法"
    return Rubric.model_validate_json(json.dumps(content))


def test_stretches_that_differ_are_marked() -> None:
    """A threshold that moved is seen at a glance, the rest of the clause stays plain."""
    before, after = marked("不低于100Mbps", "不低于200Mbps")
    assert [(one.text, one.changed) for one in before] == [
        ("不低于", False), ("1", True), ("00Mbps", False),
    ]  # fmt: skip
    assert [one.text for one in after if one.changed] == ["2"]
    long_text = "字" * 3000
    assert marked(long_text, long_text + "x")[0][0].changed


def test_changes_are_sorted_by_what_they_are() -> None:
    """Text and readings each have their place; nothing is shown as data."""
    groups = change_groups(
        older_version(), official_rubrics()[RUBRIC], load_translator("zh"), english=False
    )
    found = {group.name: group.changes for group in groups}
    assert found.keys() == {"text", "reading"}
    text = "".join(piece.text for piece in found["reading"][0].before)
    assert "● 旧的读法" in text
    assert "{" not in text


def test_a_pinned_version_is_compared_with_the_release(bureau: Any) -> None:
    """The page lists both with the round that uses the old one, and what became of each clause."""
    page = bureau.get(f"/rubrics/{RUBRIC}/versions")
    assert "目前只有一个版本" in page
    round_id, old = bureau.open_round(), older_version()
    held = bureau.records.round(round_id)
    content = old.model_dump(mode="json", by_alias=True, exclude={"examples"})
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    document = Document.of("rubric", text)
    pinned = replace(held.rubrics[0], version="2020.1", content_hash=document.sha256)
    changed = replace(held, rubrics=(pinned,), revision=held.revision + 1)
    assert changed.state is RoundState.OPEN
    act = Act("system", bureau.now, "round.change")
    assert bureau.records.put_round(changed, act, (), [document])
    page = bureau.get(f"/rubrics/{RUBRIC}/versions")
    assert "秋季督查" in page
    assert "1 份案卷" in page
    assert "<del>（旧）</del>" in page
    same = bureau.get(
        f"/rubrics/{RUBRIC}/versions?before={old.content_hash}&after={old.content_hash}"
    )
    assert "两版没有影响" in same
    assert bureau.client.get("/rubrics/none/versions").status_code == 404
