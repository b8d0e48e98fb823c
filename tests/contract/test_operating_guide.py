"""The operators' guide names only commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from collector.cli.main import app

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINES = [
    line for block in BLOCK.findall(GUIDE.read_text(encoding="utf-8")) for line in block.split("\n")
]
COMMANDS = [line for line in LINES if line.strip()]


def command_of(words: list[str]) -> tuple[list[str], set[str]]:
    """Return the path of the command among the words, and the options it knows."""
    found, path = get_command(app), []
    for word in words:
        inner = getattr(found, "commands", {}).get(word)
        if inner is None:
            break
        found, path = inner, [*path, word]
    return path, {option for parameter in found.params for option in parameter.opts}


@pytest.mark.parametrize("line", COMMANDS)
def test_every_line_of_the_guide_is_a_command_that_exists(line: str) -> None:
    """A renamed command or option would leave an operator with a guide that fails."""
    program, *words = shlex.split(line)
    assert program == "campusgauge"
    path, options = command_of(words)
    assert path, f"{line}: no such command"
    given = {word for word in words if word.startswith("--")} - {"--help"}
    assert given <= options
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0


def test_the_guide_speaks_of_every_group_of_commands() -> None:
    """A new command that operators need is not forgotten here."""
    groups = set(getattr(get_command(app), "commands", {}))
    said = {shlex.split(line)[1] for line in COMMANDS} | {"rubric", "score", "up", "key"}
    assert groups <= said
