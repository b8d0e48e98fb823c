"""The score sheet as a table on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from rubrics.model import Rubric
from rubrics.reasons import load_reasons

SIGNS = {
    "met": ("✓ 达标", "green"),
    "not_met": ("✗ 未达标", "red"),
    "insufficient": ("? 证据不足", "yellow"),
    "disputed": ("! 有争议", "magenta"),
    "not_applicable": ("– 不适用", "dim"),
}


def findings_table(sheet: Mapping[str, Any], rubric: Rubric, school_name: str) -> Table:
    """Return one row per finding that a machine could decide or say something about.

    Findings that only wait for a person's entry are counted in the caption: on the first day
    they are most of the form and would hide the rest.
    """
    table = Table(title=f"{rubric.title.zh} · {school_name}", title_justify="left")
    table.add_column("条件", no_wrap=True)
    table.add_column("结论", no_wrap=True)
    table.add_column("演算 / 原因", overflow="fold")
    waiting = 0
    for finding in _findings(sheet, rubric):
        if finding["reason"] == WAITS_FOR_A_PERSON:
            waiting += 1
            continue
        sign, style = SIGNS[finding["result"]]
        name = f"{finding['id']} {finding['title']}"
        table.add_row(name, f"[{style}]{sign}[/]", _explanation(finding))
    table.caption = f"另有 {waiting} 个条件等待人工填报 · {waiting} more wait for an entry"
    return table


WAITS_FOR_A_PERSON = "missing_entry"


def _findings(sheet: Mapping[str, Any], rubric: Rubric) -> Iterator[Mapping[str, Any]]:
    """Yield findings in the order of the document; the sheet's own keys are sorted."""
    for item in rubric.items():
        yield from sheet["items"][item.id]["findings"]


def _explanation(finding: Mapping[str, Any]) -> str:
    reason = load_reasons().get(finding["reason"] or "")
    parts = [finding.get("working") or "", reason.zh if reason else ""]
    return "\n".join(part for part in parts if part)
