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
    table = Table(title=f"{rubric.title.zh} · {school_name}", title_justify="left", expand=True)
    for heading, share in (("条件", 1), ("结论", 2), ("演算 / 原因", 8)):
        table.add_column(heading, ratio=share, overflow="fold")
    waiting = 0
    for finding in _findings(sheet):
        if finding["reason"] in WAITING_FOR_A_PERSON:
            waiting += 1
            continue
        sign, style = SIGNS[finding["result"]]
        table.add_row(finding["id"], f"[{style}]{sign}[/]", _explanation(finding))
    table.caption = f"另有 {waiting} 个条件等待人工填报 · {waiting} more wait for an entry"
    return table


WAITING_FOR_A_PERSON = frozenset({"no_entry", "not_judged"})


def _findings(sheet: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in sheet["items"].values():
        yield from item["findings"]


def _explanation(finding: Mapping[str, Any]) -> str:
    reason = load_reasons().get(finding["reason"] or "")
    parts = [finding.get("working") or "", reason.zh if reason else ""]
    return "\n".join(part for part in parts if part)
