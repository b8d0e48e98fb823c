"""The page that weighs readings: asked for, computed in the background, shown with its schools."""

from __future__ import annotations

import time
from typing import Any

import pytest

from collector.domain import EffectsState

RUBRIC = "zhongxian-inspection"
PLACE = f"/rubrics/{RUBRIC}/effects"


def answered(bureau: Any, round_id: str) -> Any:
    """Wait until the computation is over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        one = bureau.records.reading_effects(round_id, RUBRIC)
        if one is not None and not one.under_way:
            return one
        time.sleep(0.05)
    pytest.fail("not computed within 60 s")


def test_the_effect_of_each_reading_is_found_and_shown(bureau: Any) -> None:
    """For all schools, for a draft with its readings, and for an open round alike."""
    assert "还没有试算过" in bureau.get(PLACE)
    assert bureau.post(PLACE, round="").headers["location"] == PLACE
    one = answered(bureau, "")
    assert (one.state, one.done, one.total) == (EffectsState.DONE, 1, 1)
    page = bureau.get(PLACE)
    assert "重新试算" in page
    assert "由 李督学 发起" in page
    name, reading = next(iter(one.found["readings"].items()))
    alternative = next(iter(reading["alternatives"]))
    place = bureau.draft(**{f"reading.{RUBRIC}.{name}": alternative}).headers["location"]
    round_id = place.rsplit("/", 1)[1]
    for step in ("draft", "open"):
        if step == "open":
            bureau.post(f"{place}/open", revision="1")
        bureau.post(PLACE, round=round_id)
        found = answered(bureau, round_id).found
        assert found["cases"] == 1, step
        assert found["readings"][name]["chosen"] == alternative
        assert found["readings"][name]["alternatives"][alternative]["changed"] == 0
    assert "本轮已选定" in bureau.get(f"{PLACE}?round={round_id}")


def test_asking_twice_is_one_computation(bureau: Any) -> None:
    """Whoever asks while one waits gets that one; an unknown round means all schools."""
    worker = bureau.client.app.state.reading_effects
    worker.stop()
    bureau.post(PLACE, round="none")
    first = bureau.records.reading_effects("", RUBRIC)
    bureau.post(PLACE, round="")
    assert bureau.records.reading_effects("", RUBRIC) == first
    page = bureau.get(PLACE)
    assert "<progress" in page
    assert "progress.js" in page
    assert bureau.records.waiting_reading_effects() == [first]


def test_a_failure_says_so_and_can_be_asked_again(bureau: Any) -> None:
    """What cannot be computed does not wait for ever."""
    worker = bureau.client.app.state.reading_effects
    worker.stop()
    worker.ask("gone", RUBRIC, "person:admin")
    assert worker.work()
    assert bureau.records.reading_effects("gone", RUBRIC).state is EffectsState.FAILED
    assert worker.ask("gone", RUBRIC, "person:admin").state is EffectsState.WAITING
