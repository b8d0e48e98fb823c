"""Files as schools send them are read; files made to harm are refused before they are unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import CollectorError
from collector.imports.cells import day, number, text_of, whole_number, yes_or_no
from collector.imports.refusals import CellError
from collector.imports.tables import FILE_BYTES_MAX, ROWS_MAX, column_letters, read_tables

HEAD = "学校编号,校名,学段\nzx-001,乌杨小学,小学\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_csv_is_read_in_every_encoding_that_machines_write(encoding: str) -> None:
    """A bureau should not have to know what an encoding is."""
    (table,) = read_tables(HEAD.encode(encoding))
    assert table.rows[1] == ["zx-001", "乌杨小学", "小学"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_seen(separator: str) -> None:
    """Some spreadsheets write csv with semicolons or tabs."""
    (table,) = read_tables(HEAD.replace(",", separator).encode())
    assert table.rows[0] == ["学校编号", "校名", "学段"]


def test_a_workbook_keeps_types_places_and_sheets(
    make_workbook: Callable[..., bytes], make_sheet: Callable[..., str]
) -> None:
    """Numbers, dates and blank rows stay where they are, so that errors name the right row."""
    rows = [[], ["忠县"], ["编号", "人数", "日期"], ["zx-001", 1200, date(2026, 9, 1)]]
    first, second = read_tables(make_workbook(make_sheet([["说明"]]), make_sheet(rows)))
    assert (first.name, second.name) == ("S1", "S2")
    assert list(second.rows[3]) == ["zx-001", 1200.0, date(2026, 9, 1)]


def bomb(make_workbook: Callable[..., bytes], kind: str) -> bytes:
    """Return a small file that would become large."""
    if kind == "far cell":
        return make_workbook('<worksheet><sheetData><row r="1"><c r="XFD1048576"/></row>'
                             "</sheetData></worksheet>")  # fmt: skip
    if kind == "zeros":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("xl/workbook.xml", b"\0" * (65 << 20))
        return packed.getvalue()
    if kind == "one long text many times":
        cells = "".join(f'<c r="A{n}" t="s"><v>0</v></c>' for n in range(1, 2001))
        sheet = f"<worksheet><sheetData>{cells}</sheetData></worksheet>"
        return make_workbook(sheet, shared=f"<sst><si><t>{'x' * 300_000}</t></si></sst>")
    if kind == "many rows":
        return b"a,b\n" * (ROWS_MAX + 1)
    return b"x" * (FILE_BYTES_MAX + 1)


@pytest.mark.parametrize(
    "kind", ["far cell", "zeros", "one long text many times", "many rows", "large"]
)
def test_what_would_grow_is_refused(make_workbook: Callable[..., bytes], kind: str) -> None:
    """A reader allocates whole rectangles; nobody may fill the collector's memory by a file."""
    with pytest.raises(CollectorError) as refused:
        read_tables(bomb(make_workbook, kind))
    assert refused.value.code == "import_file_large"
    assert refused.value.detail_en


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "import_file_old"),
        (b"PK\x03\x04 no zip", "import_file_damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "import_file_kind"),
        (b"\xff\xff\xff\xff", "import_file_kind"),
    ],
)
def test_other_files_are_refused_with_what_to_do(content: bytes, code: str) -> None:
    """Old workbooks, pictures and damaged files each get their own advice."""
    with pytest.raises(CollectorError) as refused:
        read_tables(content)
    assert refused.value.code == code


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_workbook_never_crashes(data: st.DataObject) -> None:
    """Whatever bytes are changed, the answer is a table or a refusal."""
    parts = {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>",
             "xl/worksheets/s1.xml": "<worksheet/>"}  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text + data.draw(st.text(max_size=20)))
    content = bytearray(packed.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        outcome = type(read_tables(bytes(content))).__name__
    except CollectorError as refused:
        outcome = refused.code
    assert outcome == "list" or outcome.startswith("import_file")


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("1,200", 1200), ("１２００", 1200), ("1200人", 1200), (1200.0, 1200), (" 1200 ", 1200),
        ("1 200", 1200), ("1，200", 1200), ("0", 0), ("", None), (None, None), ("—", None),
        ("未知", None),
    ],
)  # fmt: skip
def test_counts_are_read_as_they_are_typed(cell: Any, count: int | None) -> None:
    """A blank is unknown, never zero."""
    assert whole_number(cell, 10_000) == count


@pytest.mark.parametrize(
    "cell", ["约500人", "12.5", -1, 20_000, True, "1,20", "5e3", date(2026, 9, 1)]
)
def test_what_is_no_count_is_refused(cell: Any) -> None:
    """A guess is worse than a question."""
    with pytest.raises(CellError, match=" / "):
        whole_number(cell, 10_000)


@pytest.mark.parametrize(
    "cell",
    [
        date(2026, 9, 1), datetime(2026, 9, 1, tzinfo=UTC), "2026-09-01", "2026/9/1", "2026.9.1",
        "2026年9月1日", "20260901", "２０２６－９－１", 46266, "46266", "2026-09-01 00:00:00",
    ],
)  # fmt: skip
def test_days_are_read_as_they_are_typed(cell: Any) -> None:
    """Excel's own dates, its serial numbers, and the ways people write a day."""
    assert day(cell) == date(2026, 9, 1)


@pytest.mark.parametrize("cell", ["2026年9月", "2026-02-30", "开学", "13", 12.5])
def test_what_is_no_day_is_refused(cell: Any) -> None:
    """A month is no day."""
    with pytest.raises(CellError):
        day(cell)


def test_codes_survive_excel() -> None:
    """Numeric codes, apostrophes and quoted formulas all stand for the same text."""
    assert [text_of(one) for one in (3133000010.0, "'0012", '="0012"', "ｚｘ－001")] == [
        "3133000010", "0012", "0012", "zx-001",
    ]  # fmt: skip
    assert [yes_or_no(one) for one in ("√", "否", "", True)] == [True, False, None, True]
    assert number("1,234.50") == "1234.50"
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
