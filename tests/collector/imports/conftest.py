"""Workbooks as Excel writes them, and the import service over a real record store."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from collector.domain import Act, ImportFile, ImportKind, School, SchoolKind, Stage
from collector.imports.plan import Plan, PlannedRow
from collector.imports.service import Committed, ImportService
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.wiring_imports import import_service
from rubrics.loader import official_rubrics

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
EXCEL_EPOCH = date(1899, 12, 30)


def cell_xml(place: str, value: object) -> str:
    """Write a cell: texts inline, dates as Excel keeps them (a number with style 1)."""
    if value is None:
        return ""
    if isinstance(value, date):
        return f'<c r="{place}" s="1"><v>{(value - EXCEL_EPOCH).days}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def sheet_xml(rows: Sequence[Sequence[object]]) -> str:
    """Write a sheet of at most 26 columns."""
    lines = (
        f'<row r="{n}">'
        + "".join(cell_xml(f"{chr(65 + m)}{n}", value) for m, value in enumerate(row))
        + "</row>"
        for n, row in enumerate(rows, start=1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook(*sheets: str, shared: str = "") -> bytes:
    """Pack sheets into an xlsx file."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheets>'
        + "".join(
            f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in range(1, len(sheets) + 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{DOCUMENT}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        + f'<Relationship Id="st" Type="{DOCUMENT}/styles" Target="styles.xml"/>'
        f'<Relationship Id="ss" Type="{DOCUMENT}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": shared or f'<sst xmlns="{MAIN}"/>',
    }
    parts |= {f"xl/worksheets/s{n}.xml": text for n, text in enumerate(sheets, start=1)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return packed.getvalue()


@dataclass
class Desk:
    """An import service with short ways to use it."""

    records: SqlRecordStore
    service: ImportService
    act: Act

    def receive(
        self, content: bytes | str, kind: ImportKind = ImportKind.SCHOOLS
    ) -> tuple[ImportFile, Plan]:
        """Hand a file in; return it with what it would do."""
        data = content.encode() if isinstance(content, str) else content
        file = self.service.receive(kind, "list.csv", data, date(2026, 9, 1), self.act)
        return file, self.service.plan(file, self.act)

    def rows(
        self, content: bytes | str, kind: ImportKind = ImportKind.SCHOOLS
    ) -> dict[int, PlannedRow]:
        """Return the planned rows of a file by their number."""
        return {row.number: row for row in self.receive(content, kind)[1].rows}

    def commit(
        self,
        content: bytes | str,
        kind: ImportKind = ImportKind.SCHOOLS,
        *,
        skip_errors: bool = False,
    ) -> Committed:
        """Hand a file in and commit what it shows."""
        file, plan = self.receive(content, kind)
        return self.service.commit(kind, file.id, plan.digest, self.act, skip_errors=skip_errors)


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty record database to copy."""
    path = tmp_path_factory.mktemp("imports") / "records.sqlite3"
    open_records(f"sqlite:///{path}", lambda _: None).close()
    return path


@pytest.fixture
def desk(tmp_path: Path, empty_records: Path) -> Iterator[Desk]:
    """Yield an import desk over one stored school."""
    path = tmp_path / "records.sqlite3"
    path.write_bytes(empty_records.read_bytes())
    records = open_records(f"sqlite:///{path}", lambda _: None)
    records.put_school(
        School("zx-001", "乌杨小学", SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, 24,
               date(2026, 9, 1)),
        Act("system", NOW, "school.put"),
    )  # fmt: skip
    service = import_service(records, official_rubrics(), lambda: NOW)
    yield Desk(records, service, Act("person:a", NOW, "import.commit"))
    records.close()


@pytest.fixture
def make_workbook() -> Callable[..., bytes]:
    """Return what packs sheets into an xlsx file."""
    return workbook


@pytest.fixture
def make_sheet() -> Callable[[Sequence[Sequence[object]]], str]:
    """Return what writes a sheet."""
    return sheet_xml
