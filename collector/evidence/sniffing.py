"""What a file really is, by its content: the name and the browser's word count for nothing.

Five kinds are taken, each known by its own signature, so a list of a thousand formats would only
add ways to be wrong. Files that can run something (macros) are refused even inside a known kind.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from collector.domain import EvidenceKind
from collector.errors import UnsupportedMediaError

_PDF, _PNG, _JPEG, _ZIP = b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK\x03\x04"
_PDF_HEAD_BYTES = 1024
"""PDF readers accept the signature anywhere in the first kilobyte (ISO 32000-1, annex H.3.4.1)."""
_OFFICE = {"word/document.xml": EvidenceKind.DOCX, "xl/workbook.xml": EvidenceKind.XLSX}
_OFFICE_MEMBERS_MAX = 10_000
_OFFICE_UNPACKED_BYTES_MAX = 512 << 20

ACCEPTED = "pdf, docx, xlsx, jpg, png"


def sniff(file: Path) -> EvidenceKind:
    """Return the kind of a file. Raises UnsupportedMediaError with what to do."""
    with file.open("rb") as content:
        head = content.read(_PDF_HEAD_BYTES)
    if not head:
        raise _refused(
            "evidence_empty", "文件是空的，请重新选择。", "The file is empty; choose again."
        )
    if head.startswith(_PNG):
        return EvidenceKind.PNG
    if head.startswith(_JPEG):
        return EvidenceKind.JPEG
    if head.startswith(_ZIP):
        return _office(file)
    if _PDF in head:
        return EvidenceKind.PDF
    raise _refused(
        "evidence_kind",
        f"只收 {ACCEPTED}；请另存为其中一种再上传。",
        f"Only {ACCEPTED} are taken; save the file as one of them.",
    )


def _office(file: Path) -> EvidenceKind:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise _refused(
            "evidence_damaged",
            "文件损坏或没有传完，请重新上传。",
            "The file is damaged or cut off; upload it again.",
        ) from error
    unpacked = sum(member.file_size for member in members)
    if len(members) > _OFFICE_MEMBERS_MAX or unpacked > _OFFICE_UNPACKED_BYTES_MAX:
        raise _refused(
            "evidence_bomb",
            "文件解开后过大，不予接收；请导出为 pdf。",
            "It unpacks to too much; export it as pdf.",
        )
    names = {member.filename for member in members}
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise _refused(
            "evidence_macros",
            "文件带宏，不予接收；请另存为不带宏的 docx/xlsx。",
            "It holds macros; save it without them.",
        )
    kinds = [kind for name, kind in _OFFICE.items() if name in names]
    if "[Content_Types].xml" in names and len(kinds) == 1:
        return kinds[0]
    raise _refused(
        "evidence_kind",
        f"压缩包不收，只收 {ACCEPTED}；请解开后逐个上传。",
        f"Archives are not taken, only {ACCEPTED}; upload the files one by one.",
    )


def _refused(code: str, zh: str, en: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(code, zh, detail_en=en)
