"""Tables out of files: xlsx by calamine, csv in the encodings that schools' machines write.

A file comes from outside, so everything is bounded before it is unpacked or parsed: bytes, unpacked
bytes, sheets, cells, the place of the last cell (a reader allocates the whole rectangle), and cells
times their longest text (many cells may name one long text).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from python_calamine import CalamineError, CalamineWorkbook

from collector.errors import TooLargeError, UnprocessableError, UnsupportedMediaError
from collector.imports.refusals import refused

FILE_BYTES_MAX = 8 << 20
UNPACKED_BYTES_MAX = 64 << 20
PARTS_MAX = 1000
SHEETS_MAX = 20
ROWS_MAX = 20_000
COLUMNS_MAX = 200
CELLS_MAX = 400_000
TEXT_BYTES_MAX = 512 << 20
"""Cells times the longest text that they may share."""

Cell: TypeAlias = "str | int | float | bool | date | datetime | time | timedelta | None"

_ZIP, _OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,4})([0-9]{1,9})["']""")
_SHARED = re.compile(rb"<(?:\w+:)?si\b.*?</(?:\w+:)?si>", re.DOTALL)
_SEPARATORS = ",\t;"


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet. Row and column 0 are the sheet's first, so that errors can name the place."""

    name: str
    """The sheet's name, or the encoding of a csv file."""
    rows: Sequence[Sequence[Cell]]


def read_tables(content: bytes) -> list[Table]:
    """Return the sheets of a file.

    Raises TooLargeError over a bound, UnsupportedMediaError for what is neither xlsx nor csv, and
    UnprocessableError for a damaged file.
    """
    if len(content) > FILE_BYTES_MAX:
        raise refused(TooLargeError, "import_file_large", f"> {FILE_BYTES_MAX >> 20} MiB")
    if content.startswith(_ZIP):
        _check_workbook(content)
        return _workbook(content)
    if content.startswith(_OLD_OFFICE):
        raise refused(UnsupportedMediaError, "import_file_old")
    return [_csv(content)]


def _check_workbook(content: bytes) -> None:
    """Unpack what decides about the reader's memory, within bounds, and look at it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            names = {part.filename for part in parts}
            if len(parts) > PARTS_MAX or sum(p.file_size for p in parts) > UNPACKED_BYTES_MAX:
                raise refused(TooLargeError, "import_file_large", "zip")
            if "xl/workbook.xml" not in names:
                raise refused(UnsupportedMediaError, "import_file_kind")
            unpacked = dict(_unpacked(packed, parts))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise refused(UnprocessableError, "import_file_damaged") from error
    cells = sum(map(_count_cells, (t for n, t in unpacked.items() if "/worksheets/" in n)))
    texts = (t for n, t in unpacked.items() if "sharedstrings" in n.lower())
    longest = max((len(one[0]) for text in texts for one in _SHARED.finditer(text)), default=0)
    if cells > CELLS_MAX or cells * longest > TEXT_BYTES_MAX:
        raise refused(TooLargeError, "import_file_large", f"{cells} cells")


def _unpacked(
    packed: zipfile.ZipFile, parts: Sequence[zipfile.ZipInfo]
) -> Iterator[tuple[str, bytes]]:
    """Yield the parts with cells and texts; a part that is longer than it says is cut short."""
    left = UNPACKED_BYTES_MAX
    for part in parts:
        with packed.open(part) as stream:
            text = stream.read(left + 1)
        left -= len(text)
        if left < 0:
            raise refused(TooLargeError, "import_file_large", "zip")
        if part.filename.startswith("xl/") and part.filename.endswith(".xml"):
            yield part.filename, text


def _count_cells(sheet: bytes) -> int:
    found = 0
    for letters, number in (match.groups() for match in _PLACE.finditer(sheet)):
        if int(number) > ROWS_MAX or _column_number(letters) > COLUMNS_MAX:
            place = f"{letters.decode()}{number.decode()}"
            raise refused(TooLargeError, "import_file_large", place)
        found += bool(letters)
    return found


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def column_letters(index: int) -> str:
    """Return the letters of a column, counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _workbook(content: bytes) -> list[Table]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            return [
                Table(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False))
                for name in book.sheet_names[:SHEETS_MAX]
            ]
    except (CalamineError, OSError, ValueError) as error:
        raise refused(UnprocessableError, "import_file_damaged") from error
    except BaseException as error:  # calamine's panics are no Exception, and mean a damaged file
        if type(error).__name__ != "PanicException":
            raise
        raise refused(UnprocessableError, "import_file_damaged") from error


def _csv(content: bytes) -> Table:
    text, encoding = _decoded(content)
    head = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=head.count)
    rows: list[list[Cell]] = []
    cells = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            rows.append(list(row))
            cells += len(row)
            if len(rows) > ROWS_MAX or len(row) > COLUMNS_MAX or cells > CELLS_MAX:
                raise refused(TooLargeError, "import_file_large", f"> {ROWS_MAX} rows")
    except csv.Error as error:
        raise refused(UnprocessableError, "import_file_damaged", str(error)) from error
    return Table(encoding, rows)


def _decoded(content: bytes) -> tuple[str, str]:
    """Decode as marked, else as UTF-8, else as GB 18030, which holds GBK and GB 2312."""
    encodings = ["utf-8-sig", "gb18030"]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise refused(UnsupportedMediaError, "import_file_kind")
