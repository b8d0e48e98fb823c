"""Files that hold keys and passwords: TOML, for the owner's eyes only."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class OpenToOthersError(Exception):
    """Others than the owner may read or write the file."""


def read_private_toml(path: Path) -> dict[str, Any]:
    """Return the document.

    Raises OpenToOthersError, OSError, and ValueError without any text of the file, which could be
    a key.
    """
    with path.open("rb") as stream:
        if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            raise OpenToOthersError(str(path))
        try:
            return tomllib.load(stream)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            # Not chained: the parser's message may quote the line, and with it a key.
            raise ValueError(f"{path}: not valid TOML") from None
