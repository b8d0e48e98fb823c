"""What the page of one import shows: its rows by outcome, a hundred at a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.domain import ImportFile, ImportKind
from collector.imports.plan import Plan, PlannedRow, RowOutcome
from collector.web.form_pages import in_language
from collector.web.language import Translator

ROWS_PER_PAGE = 100


@dataclass(frozen=True)
class ShownChange:
    """One value that a row sets."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class ShownRow:
    """One row in the page's language."""

    number: int
    key: str
    name: str
    outcome: str
    word: str
    changes: tuple[ShownChange, ...]
    problems: tuple[tuple[str, str], ...]
    """Column and reason."""


@dataclass(frozen=True)
class ImportView:
    """One page of a preview."""

    file: ImportFile
    plan: Plan
    words: Mapping[RowOutcome, str]
    shown: RowOutcome | None
    rows: tuple[ShownRow, ...]
    page: int
    pages: int

    @property
    def writes(self) -> int:
        """Rows that a commit would write."""
        counts = self.plan.counts
        return counts["new"] + counts["changed"]

    @property
    def errors(self) -> int:
        """Rows that cannot be imported."""
        return self.plan.counts["error"]


def import_view(
    file: ImportFile,
    plan: Plan,
    shown: RowOutcome | None,
    page: int,
    translator: Translator,
    *,
    english: bool,
) -> ImportView:
    """Return the page; rows with errors come first, the others in the order of the sheet."""
    words = outcome_words(translator)
    rows = [row for row in plan.rows if shown is None or row.outcome is shown]
    rows.sort(key=lambda row: row.outcome is not RowOutcome.ERROR)
    pages = max(1, -(-len(rows) // ROWS_PER_PAGE))
    page = min(max(page, 1), pages)
    cut = rows[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE]
    made = tuple(_row(row, words, english=english) for row in cut)
    return ImportView(file, plan, words, shown, made, page, pages)


def outcome_words(translator: Translator) -> dict[RowOutcome, str]:
    """Name what becomes of a row."""
    _ = translator.gettext
    return {
        RowOutcome.NEW: _("新增"),
        RowOutcome.CHANGED: _("变更"),
        RowOutcome.SAME: _("相同，不改动"),
        RowOutcome.ERROR: _("有错误"),
    }


def kind_words(translator: Translator) -> dict[ImportKind, str]:
    """Name what a file lists."""
    _ = translator.gettext
    return {
        ImportKind.SCHOOLS: _("学校名单与申报数据"),
        ImportKind.PEOPLE: _("人员名单"),
    }


def problem_rows(plan: Plan) -> list[list[str]]:
    """Return the rows with errors as a table to hand back to whoever made the list."""
    table = [["行 row", "列 column", "编号或登录名 key", "名称 name", "原因 reason"]]
    for row in plan.rows:
        table += [
            [str(row.number), one.field, row.key, row.name, one.reason] for one in row.problems
        ]
    return table


def _row(row: PlannedRow, words: Mapping[RowOutcome, str], *, english: bool) -> ShownRow:
    return ShownRow(
        row.number,
        row.key,
        row.name,
        row.outcome.value,
        words[row.outcome],
        tuple(
            ShownChange(one.en if english else one.zh, one.before or "", one.after)
            for one in row.changes
        ),
        tuple((one.field, in_language(one.reason, english=english)) for one in row.problems),
    )
