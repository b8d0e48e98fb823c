"""Reading a case file from disk: strict JSON, numbers with the digits they were written with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector.cli.output import wrong_use
from rubrics.engine.plain_data import as_decimal_text

CASE_BYTES_MAX = 64 << 20


class _RepeatedKeyError(ValueError):
    """An object of the file gives one key twice."""


def read_case_file(file: Path) -> Mapping[str, Any]:
    """Read a case; a byte order mark, as Windows editors write it, is allowed.

    Ends with exit code 2 for a file that is missing, too large, no JSON object, or that gives a
    key twice: JSON readers keep the last of two, and nobody would see which one was scored.
    """
    try:
        if file.stat().st_size > CASE_BYTES_MAX:
            raise wrong_use(
                f"{file}: 超过 {CASE_BYTES_MAX >> 20} MiB，不是案卷文件。"
                f"More than {CASE_BYTES_MAX >> 20} MiB is no case file."
            )
        case = json.loads(
            file.read_text(encoding="utf-8-sig"),
            parse_float=as_decimal_text,  # 0.1 stays 0.1
            object_pairs_hook=_without_repeats,
        )
    except FileNotFoundError as error:
        raise wrong_use(f"{file}: 没有这个文件 no such file") from error
    except _RepeatedKeyError as error:
        raise wrong_use(
            f"{file}: 键 {error} 写了两次，只留一个 the key {error} is given twice; keep one"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise wrong_use(f"{file}: 读不出 JSON cannot be read as JSON ({error})") from error
    if not isinstance(case, dict):
        raise wrong_use(f"{file}: 案卷应是一个 JSON 对象 a case is one JSON object")
    return case


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(f"`{key}`")
            seen.add(key)
    return found
