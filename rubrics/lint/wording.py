"""Words of the official text that leave something open; the patterns are in `rules.yaml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rubrics.checks import walk
from rubrics.lint.places import items_of, readings_of, sections_of
from rubrics.lint.warning import LintWarning, Wording, load_rules, warn
from rubrics.model import expressions as ex
from rubrics.model.rubric import Item, Rubric
from rubrics.yaml_source import Path

SHARED_EVENTS = {"大赛获奖": r"大赛[^。]*获奖", "作品": r"作品", "事故": r"事故"}
"""What one school may report to several items, by the words of both."""


def wording_warnings(rubric: Rubric) -> Iterator[LintWarning]:
    """Apply every wording rule to every text of the rubric."""
    for code, rule in load_rules().items():
        if rule.wording is not None:
            yield from _rule(rubric, code, rule.wording)
    yield from _same_event(rubric)
    yield from _delimiters(rubric)


def _rule(rubric: Rubric, code: str, wording: Wording) -> Iterator[LintWarning]:
    if "section_title" in wording.looks_in:
        for path, section in sections_of(rubric):
            for words in _found(wording, section.title.zh):
                yield warn(code, rubric.id, (*path, "title"), clause=section.title.zh,
                           item=section.id, words=words)  # fmt: skip
    if "form" in wording.looks_in and rubric.form is not None:
        for index, field in enumerate((*rubric.form.head, *rubric.form.foot)):
            for words in _found(wording, field.title.zh):
                yield warn(code, rubric.id, ("form",), clause=field.title.zh,
                           item=f"form {index + 1}", words=words)  # fmt: skip
    for path, item in items_of(rubric):
        yield from _item(rubric, code, wording, path, item)


def _item(
    rubric: Rubric, code: str, wording: Wording, path: Path, item: Item
) -> Iterator[LintWarning]:
    title = None if item.title is None else item.title.zh
    texts = {"title": title, "text": item.text, "scoring_text": item.scoring_text}
    found = dict.fromkeys(
        (field, words)
        for field, text in texts.items()
        if text is not None and field in wording.looks_in
        for words in _found(wording, text)
    )
    if not found:
        return
    field = next(iter(found))[0]
    found_words = list(dict.fromkeys(words for _, words in found))
    yield warn(
        code,
        rubric.id,
        (*path, field),
        items=(item.id,),
        clause=str(texts[field]),
        settled_by=_settled(wording, item, found_words[0]),
        item=item.id,
        words="”“".join(one.strip("“”") for one in found_words),
    )


def _found(wording: Wording, text: str) -> list[str]:
    if wording.unless is not None and re.search(wording.unless, text):
        return []
    return [match[0].strip() for match in re.finditer(wording.pattern, text)]


def _settled(wording: Wording, item: Item, words: str) -> str | None:
    """Name what in the item's data answers the question that the words leave open."""
    readings = readings_of(item)
    answers = {
        "reading": "readings: " + ", ".join(readings) if readings else None,
        "period": f"period: {item.period.zh}" if item.period is not None else None,
        "entries": _described_entries(item),
        "criterion": _criterion(item, words),
        "variant": "variant" if _has_variant(item) else None,
    }
    return next((answers[name] for name in wording.settled_by if answers[name] is not None), None)


def _described_entries(item: Item) -> str | None:
    """Entries that tell people how to count: by a help text, or by listing the things."""
    described = [name for name, spec in item.entries.items() if spec.help is not None]
    listed = [name for name, spec in item.entries.items() if re.search(r"（[^）]*、", spec.zh)]
    names = described or listed
    return "entries: " + ", ".join(names) if names else None


def _criterion(item: Item, words: str) -> str | None:
    """Name the criterion that judges the words by themselves; a judged item as a whole."""
    for criterion in getattr(item.rule, "criteria", ()):
        clause = criterion.clause
        if clause is not None and (words in clause or clause in words):
            return f"criterion {criterion.id}"
    return "judge" if item.rule.type == "judge" else None


def _has_variant(item: Item) -> bool:
    return any(isinstance(node, ex.Variant) for _, node in walk(item.rule))


def _same_event(rubric: Rubric) -> Iterator[LintWarning]:
    for event, pattern in SHARED_EVENTS.items():
        found = [
            (path, item)
            for path, item in items_of(rubric)
            if (item.max is not None or item.rule.type == "veto")
            and re.search(pattern, item.text + (item.scoring_text or ""))
        ]
        if len(found) < 2:
            continue
        names = tuple(item.id for _, item in found)
        shared = set.intersection(*(set(readings_of(item)) for _, item in found))
        touched = [set(readings_of(item)) for _, item in found]
        common = shared or {name for one in touched for name in one
                            if sum(name in other for other in touched) > 1}  # fmt: skip
        settled = f"readings: {', '.join(sorted(common))}" if common else None
        yield warn("same_event_in_items", rubric.id, found[0][0], items=names, clause=event,
                   settled_by=settled, words=event)  # fmt: skip


def _delimiters(rubric: Rubric) -> Iterator[LintWarning]:
    """Compare what follows the printed number of each item."""
    seen = Counter[str]()
    for _, item in items_of(rubric):
        if item.text.startswith(item.id):
            after = re.match(r"[．.、）)\s]*", item.text[len(item.id) :])
            seen[after[0].strip() if after else ""] += 1
    if len(seen) > 1:
        kinds = "、".join(f"“{kind or '（无）'}” × {count}" for kind, count in seen.most_common())
        yield warn("id_delimiter_varies", rubric.id, ("sections",), kinds=kinds)
