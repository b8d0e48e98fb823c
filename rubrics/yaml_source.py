"""YAML text to plain data, with the place of every value and every number as it was written.

PyYAML composes the text into marked nodes; from there this module builds mappings, tuples and
scalars itself, because a rubric needs three things a plain load does not give: numbers that never
pass through a binary float, duplicate keys reported, and line and column of every value. Scalars
follow the YAML 1.2 core schema, so `yes`, `12:30` and `2021-09-01` stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

Path = tuple[str | int, ...]
MAX_TEXT = 4 * 1024 * 1024
MAX_DEPTH = 40

_INT = re.compile(r"[-+]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}\.[0-9]{0,40})")
_HINTS = {
    "mapping values are not allowed here": "; text that holds `: ` needs quotes",
    "found character '\\t' that cannot start any token": "; indent with blanks, not with tabs",
    "expected ',' or '}', but got ':'": "; a brace opened above is not closed",
    "expected ',' or ']', but got ':'": "; a bracket opened above is not closed",
    "expected ',' or '}', but got '<scalar>'": "; close the brace, or quote the text inside it",
}
"""What authors meet most often, in words that say what to do."""
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml reads a rubric ten times faster; only the slow loader says well what is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a rubric file: where, and what to do."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f" [{self.path}]" if self.path else ""
        return f"{self.line}:{self.column}{where} {self.message}"


class Document:
    """A parsed YAML text: its data, and the place of every part of it."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root
        self.problems: list[Problem] = []
        self.data: Any = None if root is None else self._build(root, ())

    def problem(self, path: Path, message: str) -> Problem:
        """Describe a problem at the nearest place that exists in the text."""
        node, shown = self._locate(path)
        mark = node.start_mark if node is not None else None
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        return Problem(line, column, ".".join(str(part) for part in shown), message)

    def _locate(self, path: Path) -> tuple[yaml.Node | None, list[str | int]]:
        """Walk down; parts that only name a form of the model are not in the text."""
        node, shown = self._root, list[str | int]()
        named_form = False
        for part in path:
            if isinstance(part, str) and (
                part.startswith("form:") or (not named_form and part == _type_of(node))
            ):
                named_form = True
                continue
            child = _child(node, part)
            if child is None:
                break
            node, named_form = child, False
            shown.append(part)
        return node, shown

    def _build(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._build(child, (*path, i)) for i, child in enumerate(node.value))
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - the third and last kind of node
        return self._scalar(node.value, node.style, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key, child in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            at = key.start_mark
            shown = ".".join(str(part) for part in path)
            if name is None or name == "<<":
                message = "keys are plain words; merge keys and structured keys are not used"
                self.problems.append(Problem(at.line + 1, at.column + 1, shown, message))
            elif name in built:
                message = f"`{name}` is given twice; the second would silently win"
                self.problems.append(Problem(at.line + 1, at.column + 1, shown, message))
            else:
                built[name] = self._build(child, (*path, name))
        return built

    def _scalar(self, text: str, quoted: str | None, path: Path) -> Any:
        if quoted:  # libyaml gives plain scalars the style "", the slow loader None
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            if len(text.lstrip("+-")) > 1 and text.lstrip("+-").startswith("0"):
                self.problems.append(
                    self.problem(path, f"{text} starts with 0; quote it if it is text")
                )
            return int(text)
        return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _type_of(node: yaml.Node | None) -> str | None:
    for name in ("type", "kind"):
        child = _child(node, name)
        if isinstance(child, yaml.ScalarNode):
            return str(child.value)
    return None


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    found: yaml.Node | None = None
    if isinstance(node, yaml.MappingNode):
        keyed = {key.value: child for key, child in node.value if isinstance(key, yaml.ScalarNode)}
        found = keyed.get(str(part))
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found = node.value[part]
    return found


def parse(text: str) -> Document:
    """Parse one YAML document; what is wrong is in `problems`, never an exception."""
    if len(text) > MAX_TEXT:
        return _unusable(Problem(1, 1, "", f"longer than {MAX_TEXT} characters"))
    try:
        return _composed(text, _FAST)
    except (yaml.YAMLError, UnicodeError):
        pass  # read again for words that say where and what
    try:
        return _composed(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        hint = _HINTS.get(str(error.problem), "")
        return _unusable(Problem(line, column, "", f"not YAML: {error.problem}{hint}"))
    except yaml.YAMLError as error:
        return _unusable(Problem(1, 1, "", f"not YAML: {error}"))


def _composed(text: str, loader: Any) -> Document:
    refused = _out_of_bounds(text, loader)
    return _unusable(refused) if refused else Document(yaml.compose(text, Loader=loader))


def _unusable(problem: Problem) -> Document:
    document = Document(None)
    document.problems.append(problem)
    return document


def _out_of_bounds(text: str, loader: Any) -> Problem | None:
    """Refuse what a small text can use to take the program down, before anything is composed.

    Aliases grow without bound, and a rubric has no use for them; composing is recursive, in C
    without a limit of its own.
    """
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        message = ""
        if isinstance(event, yaml.AliasEvent):
            message = "anchors and aliases (&, *) are not used in rubrics"
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if message:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            return Problem(line, 1, "", message)
    return None
