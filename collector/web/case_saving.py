"""Saves one section of a form as a browser without scripts sends it: each changed field alone.

What is right is saved; what is wrong or clashes comes back with what was typed, so nothing that
somebody typed is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.assessment.case_writer import CaseWriter
from collector.domain import Act, CaseKey, Side
from collector.errors import CollectorError, ConflictError, UnprocessableError
from collector.web.case_desk import row_words
from collector.web.case_fields import Clash, Slot, Typed
from collector.web.typed_values import typed_text, typed_value

ActOf = Callable[[str], Act]
_SLOT_ACTIONS = {"entry": "entry.save", "fact": "fact.declare", "mark": "mark.save"}


@dataclass
class Saving:
    """What came of it. `refused` ended the whole save: the case is no longer the school's."""

    saved: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    clashes: dict[str, Clash] = field(default_factory=dict)
    refused: CollectorError | None = None

    @property
    def typed(self) -> Typed:
        """What has to be shown again."""
        return Typed(self.texts, self.errors, self.clashes)

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it."""
        if self.refused is not None:
            return self.refused.status
        if self.clashes:
            return 409
        return 422 if self.errors else 200


@dataclass(frozen=True, slots=True)
class SectionSaver:
    """Saves into one case, in the words of one language."""

    writer: CaseWriter
    key: CaseKey
    act_of: ActOf
    english: bool

    def save(self, slots: Iterable[Slot], given: Mapping[str, str]) -> Saving:
        """Save every field that the person changed."""
        done = Saving()
        marks: dict[tuple[str, str], list[Slot]] = {}
        for slot in slots:
            if slot.kind in ("points", "remark"):
                marks.setdefault((slot.item_id, slot.name), []).append(slot)
            elif _changed(slot, given):
                self._attempt(done, [slot], given, lambda s=slot: self._save_field(s, given))  # type: ignore[misc]  # a lambda's default has no annotation
        for pair in marks.values():
            if any(_changed(slot, given) for slot in pair):
                self._attempt(done, pair, given, lambda p=pair: self._save_mark(p, given))  # type: ignore[misc]  # as above
        return done

    def _save_field(self, slot: Slot, given: Mapping[str, str]) -> None:
        value, seen = typed_value(slot.type, given[slot.control]), _seen(slot, given)
        act = self.act_of(_SLOT_ACTIONS[slot.kind])
        if slot.kind == "fact":
            self.writer.save_fact(self.key, slot.name, value, seen, act)
        else:
            self.writer.save_entry(self.key, Side.SCHOOL, slot.item_id, slot.name, value, seen, act)

    def _save_mark(self, pair: list[Slot], given: Mapping[str, str]) -> None:
        texts = {
            slot.kind: given[slot.control] if _changed(slot, given) else slot.text for slot in pair
        }
        points = texts.get("points", "").strip() or None
        act, first = self.act_of(_SLOT_ACTIONS["mark"]), pair[0]
        self.writer.save_mark(
            self.key, Side.SCHOOL, first.name, first.item_id, points, texts.get("remark", ""),
            max(_seen(slot, given) for slot in pair), act,
        )  # fmt: skip

    def _attempt(
        self, done: Saving, slots: list[Slot], given: Mapping[str, str], save: Callable[[], None]
    ) -> None:
        if done.refused is None:
            try:
                save()
            except UnprocessableError as wrong:
                self._note_errors(done, slots, wrong)
            except ConflictError as refused:
                if refused.code != "entry_changed_meanwhile":
                    done.refused = refused
                else:
                    _note_clash(done, slots, given, refused.extra.get("current") or {})
            else:
                done.saved += 1
                return
        for slot in slots:
            if slot.control in given:
                done.texts[slot.control] = given[slot.control]

    def _note_errors(self, done: Saving, slots: list[Slot], wrong: UnprocessableError) -> None:
        reasons = [(row.field, row_words(row.reason, english=self.english)) for row in wrong.errors]
        for field_name, reason in reasons:
            slot = next((one for one in slots if one.kind == field_name), slots[0])
            done.errors[slot.control] = reason


def _note_clash(
    done: Saving, slots: list[Slot], given: Mapping[str, str], current: Mapping[str, Any]
) -> None:
    at = current.get("recorded_at")
    for slot in slots:
        name = slot.kind if slot.kind in ("points", "remark") else "value"
        theirs = typed_text(current.get(name))
        mine = given.get(slot.control, "")
        if _plain(theirs) != _plain(mine):
            done.clashes[slot.control] = Clash(
                theirs, mine, str(current.get("author", "")),
                datetime.fromisoformat(at) if at else None,
            )  # fmt: skip


def _changed(slot: Slot, given: Mapping[str, str]) -> bool:
    """Say whether the person changed the field; what others changed meanwhile is not theirs."""
    if slot.control not in given or given.get(f"k:{slot.control}") == "theirs":
        return False
    shown = given.get(f"o:{slot.control}", slot.text)
    return _plain(given[slot.control]) != _plain(shown)


def _seen(slot: Slot, given: Mapping[str, str]) -> int:
    text = given.get(f"r:{slot.control}", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
