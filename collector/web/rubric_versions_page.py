"""Two versions of a rubric side by side: what changed, in the words of the document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from collector.domain import Round
from collector.web.language import Translator
from rubrics.diff import Change, compare
from rubrics.model import Rubric
from rubrics.model.base import Text
from rubrics.model.rubric import ReadingChoice

GROUPS = ("added", "removed", "points", "threshold", "text", "reading", "entry", "other")
TEXT_FIELDS = ("text", "title", "scoring_text")
MARKED_CHARACTERS_MAX = 4000
"""Longer texts are shown whole: finding their differences takes too long."""


@dataclass(frozen=True)
class UsedVersion:
    """One version of a rubric and where it is used."""

    rubric: Rubric
    current: bool
    """It is the one of this release: new rounds pin it."""
    rounds: tuple[tuple[Round, int], ...]
    """Rounds that pinned it, with how many cases they have."""

    @property
    def hash(self) -> str:
        """What the version is pinned by."""
        return self.rubric.content_hash


@dataclass(frozen=True)
class Piece:
    """A stretch of text; `changed` where the other version says something else."""

    text: str
    changed: bool


@dataclass(frozen=True)
class ShownChange:
    """One difference: the place in words, and both texts with their changed stretches."""

    place: str
    title: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


@dataclass(frozen=True)
class ChangeGroup:
    """Differences of one kind."""

    name: str
    title: str
    changes: tuple[ShownChange, ...]


def used_versions(
    current: Rubric | None, pinned: Iterable[tuple[Round, Rubric, int]]
) -> tuple[UsedVersion, ...]:
    """Gather versions by hash: the release's first, then by the newest round that uses each."""
    rubrics: dict[str, Rubric] = {} if current is None else {current.content_hash: current}
    rounds: dict[str, list[tuple[Round, int]]] = {}
    for held, rubric, cases in pinned:
        rubrics.setdefault(rubric.content_hash, rubric)
        rounds.setdefault(rubric.content_hash, []).append((held, cases))
    return tuple(
        UsedVersion(rubric, rubric is current, tuple(rounds.get(name, ())))
        for name, rubric in rubrics.items()
    )


def change_groups(
    old: Rubric, new: Rubric, translator: Translator, *, english: bool
) -> tuple[ChangeGroup, ...]:
    """Return the differences by kind; kinds without any are left out."""
    sorted_changes: dict[str, list[ShownChange]] = {name: [] for name in GROUPS}
    titles = _titles(old) | _titles(new)
    for change in compare(old, new):
        shown = _reading(change, old, new, english=english) or _shown(change, titles)
        sorted_changes[_group(change, titles)].append(shown)
    words = group_words(translator)
    return tuple(
        ChangeGroup(name, words[name], tuple(changes))
        for name, changes in sorted_changes.items()
        if changes
    )


def group_words(translator: Translator) -> dict[str, str]:
    """Name the kinds of differences."""
    _ = translator.gettext
    return {
        "added": _("新增的评估项"),
        "removed": _("取消的评估项"),
        "points": _("分值"),
        "threshold": _("评分规则与阈值"),
        "text": _("条文"),
        "reading": _("口径的定义"),
        "entry": _("填报栏目"),
        "other": _("其他"),
    }


def marked(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Cut both texts into stretches that are the same and stretches that differ."""
    if len(before) + len(after) > MARKED_CHARACTERS_MAX:
        return (Piece(before, changed=True),), (Piece(after, changed=True),)
    was: list[Piece] = []
    now: list[Piece] = []
    for kind, i, j, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if i < j:
            was.append(Piece(before[i:j], changed=kind != "equal"))
        if m < n:
            now.append(Piece(after[m:n], changed=kind != "equal"))
    return tuple(was), tuple(now)


def _group(change: Change, titles: Mapping[str, str]) -> str:
    if change.kind != "changed" and change.where in titles:
        return change.kind
    head, _, rest = change.where.partition(".")
    if head == "readings":
        return "reading"
    if head not in titles:
        return "other"
    if rest == "max":
        return "points"
    if rest in ("rule", "applies_when", "when_not_applicable", "gate"):
        return "threshold"
    if rest in TEXT_FIELDS:
        return "text"
    return "entry" if rest.startswith("entries.") else "other"


def _shown(change: Change, titles: Mapping[str, str]) -> ShownChange:
    before, after = marked(change.before or "", change.after or "")
    return ShownChange(change.where, titles.get(change.where.partition(".")[0], ""), before, after)


def _reading(change: Change, old: Rubric, new: Rubric, *, english: bool) -> ShownChange | None:
    """Show a reading by its question and alternatives instead of its data."""
    head, _, name = change.where.partition(".")
    if head != "readings":
        return None
    choices = [rubric.readings.get(name) for rubric in (old, new)]
    title = next((_words(one.question, english=english) for one in choices if one), "")
    before, after = marked(*(_choice_text(one, english=english) for one in choices))
    return ShownChange(change.where, title, before, after)


def _choice_text(choice: ReadingChoice | None, *, english: bool) -> str:
    if choice is None:
        return ""
    lines = [_words(choice.question, english=english)]
    for name, one in choice.alternatives.items():
        mark = "●" if name == choice.default else "○"
        lines.append(f"{mark} {_words(one.meaning, english=english)}")
    return "\n".join(lines)


def _words(text: Text, *, english: bool) -> str:
    return (text.en if english else None) or text.zh


def _titles(rubric: Rubric) -> dict[str, str]:
    return {item.id: item.title.zh if item.title else item.text[:60] for item in rubric.items()}
