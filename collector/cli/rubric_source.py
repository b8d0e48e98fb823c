"""Loading the rubric that a command names, by id or by file, with errors that say where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.cli.output import wrong_use

if TYPE_CHECKING:
    from rubrics.model import Rubric


def one_rubric(name: str) -> Rubric:
    """Return the rubric with this id, or in this file. Exits with code 2 if it cannot be used."""
    from rubrics.loader import RubricError, UnknownRubricError, load_rubric

    try:
        return load_rubric(name)
    except UnknownRubricError as error:
        raise wrong_use(f"没有这份细则 {error.args[0]}。见 campusgauge rubric list") from error
    except RubricError as error:
        raise wrong_use(f"细则文件有误 the rubric cannot be used:\n{error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise wrong_use(f"{name}: 读不出 cannot be read ({error})") from error
