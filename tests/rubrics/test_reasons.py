"""The list of reasons: every code speaks both languages."""

import re

import pydantic
import pytest

from rubrics.reasons import REASONS_PATH, Actor, load_reasons, parse_reasons


def test_every_shipped_reason_is_chinese_in_zh_and_has_no_chinese_in_en() -> None:
    """A sentence in the wrong field would reach people in the wrong language."""
    for code, reason in load_reasons().items():
        assert any("\u4e00" <= character <= "\u9fff" for character in reason.zh), code
        assert not any("\u4e00" <= character <= "\u9fff" for character in reason.en), code


def test_every_code_stands_once() -> None:
    """YAML lets the last of two win in silence; people would mend the wrong one."""
    codes = re.findall(r"^  ([a-z0-9_]+):", REASONS_PATH.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(codes) == len(set(codes)) == len(load_reasons())


def test_a_reason_may_name_who_can_mend_it() -> None:
    """The page groups what to do next by this."""
    text = "version: 1\nreasons:\n  x: {zh: 一, en: one, who: network_admin}\n"
    assert parse_reasons(text)["x"].who is Actor.NETWORK_ADMIN


def test_a_reason_without_english_is_refused() -> None:
    """Half a translation must not ship."""
    with pytest.raises(pydantic.ValidationError, match="en"):
        parse_reasons("version: 1\nreasons:\n  x: {zh: 一}\n")


def test_a_cause_has_its_sentence_in_either_spelling() -> None:
    """A reading names `nic`, a finding `limited_by_nic`; a warning names the stage it is about."""
    known = load_reasons()
    assert known["nic"] == known["limited_by_nic"]
    assert known["limited_by_seats_not_filled"] == known["seats_not_filled"]
    assert known["stage_self_differs_from_rule"] == known["stage_differs_from_rule"]
    assert known.get("limited_by_nothing_known") is None
    assert "stage_differs" not in known
