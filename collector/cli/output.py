"""How every command speaks: results on standard output, explanations on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer

from collector.errors import CollectorError

EXIT_NOT_SO = 1
"""The thing asked about is not so."""
EXIT_WRONG_USE = 2
"""The command cannot be carried out as given; standard error says what to do."""


class Format(StrEnum):
    """`text` for people, `json` for programs: one document on standard output, nothing else."""

    TEXT = "text"
    JSON = "json"


def show(text: str) -> None:
    """Write a result for people."""
    sys.stdout.write(text + "\n")


def show_json(document: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def explain(text: str) -> None:
    """Write progress or an explanation, out of the way of the result."""
    sys.stderr.write(text + "\n")


def wrong_use(text: str) -> typer.Exit:
    """Explain what is wrong; the caller raises what this returns."""
    explain(text)
    return typer.Exit(EXIT_WRONG_USE)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn the collector's errors into a sentence and exit code 2."""
    try:
        yield
    except CollectorError as error:
        lines = [f"错误 error [{error.code}]: {error.detail} {error.detail_en or ''}".rstrip()]
        lines += [f"  {each.field}: {each.reason}" for each in error.errors]
        raise wrong_use("\n".join(lines)) from error
