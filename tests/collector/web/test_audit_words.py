"""The audit chain in words: no act and no table of the code reads as a code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import collector
from collector.storage.sql_records.schema import TRACKED_TABLES
from collector.web.audit_words import action_word, table_word
from collector.web.language import load_translator

PACKAGE = Path(next(iter(collector.__path__)))
CODE = re.compile(r"[a-z]+\.[a-z_]+|override")
CHINESE = load_translator("zh")


def acts(tree: ast.AST) -> Iterator[str]:
    """Yield the acts that a module names: texts given to whatever makes an act."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        maker = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        if maker == "Act" or "act" in maker.split("_"):
            for given in (*node.args, *(one.value for one in node.keywords)):
                match given:
                    case ast.Constant(value=str(code)) if CODE.fullmatch(code):
                        yield code


def test_every_act_and_every_tracked_table_has_a_word() -> None:
    """Officials read who did what, not what a programmer called it."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py"))
    named = {code for tree in trees for code in acts(tree)}
    assert {"agent.revoke", "round.open", "evidence.read", "override"} <= named
    assert [code for code in sorted(named) if action_word(code, CHINESE) == code] == []
    tables = [table.name for table in TRACKED_TABLES]
    assert [name for name in tables if table_word(name, CHINESE) == name] == []
