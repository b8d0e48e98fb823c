"""Evidence: taken by its content, kept by its hash, shown to whom it concerns."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from collector.domain import EvidenceKind
from collector.evidence.service import clean_name

RUBRIC = "zhongxian-inspection"


def png(colour: int = 0) -> bytes:
    """Return a picture of one pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, colour]))
    chunks = [(b"IHDR", header), (b"IDAT", pixel), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def office(*members: str) -> bytes:
    """Return a zip archive with these members, as office programs write them."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for member in members:
            archive.writestr(member, "<xml/>")
    return target.getvalue()


PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
DOCX = office("[Content_Types].xml", "word/document.xml")
XLSX = office("[Content_Types].xml", "xl/workbook.xml")


class Api:
    """The evidence interface as one person uses it."""

    def __init__(self, county: Any, who: str, school_id: str = "zx-001") -> None:
        self.county, self.who = county, who
        self.base = f"/api/v1/schools/{school_id}/evidence"

    def call(self, method: str, path: str = "", **options: Any) -> Any:
        """Call and return the response."""
        headers = {"Authorization": f"Bearer {self.county.keys[self.who]}"}
        return self.county.client.request(method, self.base + path, headers=headers, **options)

    def add(self, content: bytes, name: str = "合同.pdf", **fields: str) -> Any:
        """Upload a file and return the response."""
        files = {"file": (name, content, "application/octet-stream")}
        return self.call("POST", files=files, data=fields)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (b"\n\n" + PDF, "application/pdf"),
        (png(), "image/png"),
        (b"\xff\xd8\xff\xe0 a photo", "image/jpeg"),
        (DOCX, EvidenceKind.DOCX.value),
        (XLSX, EvidenceKind.XLSX.value),
    ],
    ids=["pdf", "pdf-after-blanks", "png", "jpeg", "docx", "xlsx"],
)
def test_each_kind_comes_back_byte_for_byte(people: Any, content: bytes, kind: str) -> None:
    """Whatever its name says, a file is what its content is, and is given out as an attachment."""
    editor = Api(people, "editor")
    answer = editor.add(content, "../../etc/网络\u202efdp.合同.exe", since="2026-09-01")
    assert answer.status_code == 201, answer.text
    piece = answer.json()["evidence"]
    assert piece["media_type"] == kind
    assert piece["sha256"] == hashlib.sha256(content).hexdigest()
    assert piece["name"].startswith("网络fdp.合同.")
    file = editor.call("GET", f"/{piece['sha256']}/file")
    assert file.content == content
    assert file.headers["content-type"] == kind
    assert file.headers["x-content-type-options"] == "nosniff"
    disposition = file.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert piece["name"] in unquote(disposition)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "evidence_empty"),
        (b"<html><script>alert(1)</script>", "evidence_kind"),
        (b"MZ\x90\x00 a program", "evidence_kind"),
        (office("a.txt"), "evidence_kind"),
        (
            office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
            "evidence_macros",
        ),
        (DOCX[:-30], "evidence_damaged"),
    ],
    ids=["empty", "html", "program", "archive", "macros", "cut-off"],
)
def test_what_is_not_taken_is_named_and_leaves_nothing(
    people: Any, content: bytes, code: str
) -> None:
    """415 with what to do, no record, and no file left behind."""
    editor = Api(people, "editor")
    answer = editor.add(content)
    assert answer.status_code == 415
    assert answer.json()["code"] == code
    assert editor.call("GET").json()["evidence"] == []
    folder = people.app.state.settings.data / "evidence"
    assert [file for file in folder.rglob("*") if file.is_file()] == []


def test_a_file_too_large_is_refused_before_it_is_read(people: Any) -> None:
    """The announced length is enough to refuse it."""
    answer = Api(people, "editor").add(b"%PDF-" + bytes(21 << 20))
    assert answer.status_code == 413
    assert "MiB" in answer.json()["detail"]


def test_wrong_fields_are_named(people: Any) -> None:
    """No file, a date that is none, a period that ends before it begins."""
    editor = Api(people, "editor")
    answer = editor.call("POST", data={"since": "yesterday"}, files={"other": ("a", b"b")})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"file", "since"}
    reversed_period = editor.add(PDF, since="2026-09-02", until="2026-09-01")
    assert reversed_period.status_code == 422
    assert reversed_period.json()["errors"][0]["field"] == "until"


def test_the_list_of_an_item_is_numbered_and_closes_ranks(people: Any) -> None:
    """支撑材料清单 1. 2. 3.; taking one off moves the following up; twice is once."""
    editor = Api(people, "editor")
    hashes = [editor.add(png(n), f"{n}.png").json()["evidence"]["sha256"] for n in range(3)]
    lists = [f"/{sha256}/supports/{RUBRIC}/C4" for sha256 in hashes]
    numbers = [editor.call("PUT", path).json()["number"] for path in (*lists, lists[0])]
    assert numbers == [1, 2, 3, 1]
    assert editor.call("DELETE", lists[1]).status_code == 204
    assert editor.call("DELETE", lists[1]).status_code == 404
    shown = {one["sha256"]: one["supports"] for one in editor.call("GET").json()["evidence"]}
    assert shown[hashes[2]] == [{"rubric_id": RUBRIC, "item_id": "C4", "number": 2}]
    assert editor.call("PUT", f"/{hashes[0]}/supports/{RUBRIC}/C99").status_code == 404


def test_a_withdrawn_piece_leaves_the_lists_and_can_come_back(people: Any) -> None:
    """The record and the file stay; handing the content in again puts it in force."""
    editor = Api(people, "editor")
    sha256 = editor.add(PDF).json()["evidence"]["sha256"]
    assert editor.call("PUT", f"/{sha256}/supports/{RUBRIC}/C4").status_code == 200
    assert editor.call("DELETE", f"/{sha256}").status_code == 204
    assert editor.call("DELETE", f"/{sha256}").status_code == 409
    (piece,) = editor.call("GET").json()["evidence"]
    assert piece["withdrawn_at"] is not None
    assert piece["supports"] == []
    assert editor.call("PUT", f"/{sha256}/supports/{RUBRIC}/C4").status_code == 409
    assert editor.call("GET", f"/{sha256}/file").content == PDF
    assert editor.add(PDF).json()["new"] is True
    assert editor.add(PDF).json()["new"] is False


def test_no_school_sees_anothers_and_others_reads_are_on_record(people: Any) -> None:
    """A neighbour is refused; an inspector's look is a link of the audit chain, one's own none."""
    editor, inspector = Api(people, "editor"), Api(people, "inspector")
    sha256 = editor.add(PDF).json()["evidence"]["sha256"]
    for method, path in (("GET", ""), ("GET", f"/{sha256}/file"), ("DELETE", f"/{sha256}")):
        assert Api(people, "neighbour").call(method, path).status_code == 403
    elsewhere = Api(people, "neighbour", "zx-002").call("GET", f"/{sha256}/file")
    assert elsewhere.status_code == 404
    assert editor.call("GET", f"/{sha256}/file").status_code == 200
    assert inspector.call("GET", f"/{sha256}/file").status_code == 200
    reads = [
        record
        for record in people.records.audit_records(limit=1000)
        if record.action == "evidence.read"
    ]
    assert len(reads) == 1
    assert reads[0].actor.startswith("person:inspector")
    assert sha256 in str(reads[0].row_key)
    assert people.records.verify_audit(None, lambda *_: None).faults == ()


def test_the_same_content_in_two_schools_is_known(people: Any) -> None:
    """Each school has its own record; the store names the others by hash."""
    sha256 = Api(people, "editor").add(PDF).json()["evidence"]["sha256"]
    Api(people, "neighbour", "zx-002").add(PDF)
    assert people.records.other_schools_with("zx-001") == {sha256: ("zx-002",)}
    Api(people, "neighbour", "zx-002").call("DELETE", f"/{sha256}")
    assert people.records.other_schools_with("zx-001") == {}


def test_a_measurement_is_frozen_with_the_standing_of_a_file(people: Any, golden: Any) -> None:
    """The excerpt holds the indicator as it stood, and stays when newer samples arrive."""
    assert people.push(golden).status_code == 200
    people.wait_applied()
    editor = Api(people, "editor")
    unknown = editor.call("POST", "/excerpts", json={"indicator": "ups_runtime_hours"})
    assert unknown.status_code == 404
    answer = editor.call("POST", "/excerpts", json={"indicator": "server_headroom"})
    assert answer.status_code == 201, answer.text
    piece = answer.json()["evidence"]
    assert piece["media_type"] == EvidenceKind.EXCERPT.value
    document = editor.call("GET", f"/{piece['sha256']}/file").json()
    assert document["indicator"] == "server_headroom"
    assert document["measured"]["unit"] == "ratio"


def test_a_lost_file_is_said_and_not_a_crash(people: Any) -> None:
    """The record is there, the disk lost the file: 404 with what to do."""
    editor = Api(people, "editor")
    sha256 = editor.add(PDF).json()["evidence"]["sha256"]
    folder: Path = people.app.state.settings.data / "evidence"
    (folder / sha256[:2] / sha256).unlink()
    answer = editor.call("GET", f"/{sha256}/file")
    assert answer.status_code == 404
    assert answer.json()["code"] == "evidence_file_gone"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\用户\\合同.PDF", "合同.pdf"),
        ("../../.bashrc", "bashrc.pdf"),
        ("", "材料.pdf"),
        ("a\x00\r\nb\u202ec.pdf", "abc.pdf"),
        ("长" * 500, "长" * 120 + ".pdf"),
    ],
)
def test_names_are_for_people_only(given: str, shown: str) -> None:
    """No path, nothing invisible, the suffix of what it really is."""
    assert clean_name(given, EvidenceKind.PDF) == shown
