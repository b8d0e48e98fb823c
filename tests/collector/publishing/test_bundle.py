"""A bundle proves a published sheet to anybody, and says where it was changed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from collector.cli.main import app
from collector.publishing.bundle import BundleError, open_bundle, write_bundle
from collector.publishing.contents import contents
from collector.publishing.frozen import FrozenSheet
from collector.publishing.verification import Difference, Verdict, verify
from rubrics.engine import ENGINE_VERSION, evaluate
from rubrics.loader import load_rubric

RUBRIC = "zhongxian-inspection"
PHOTO = b"\x89PNG\r\n\x1a\n a photo"
Files = dict[str, bytes]


def frozen(school_id: str, rooms_missing: int, **changes: Any) -> FrozenSheet:
    """Return a sheet of 附件1 as a round would freeze it."""
    rubric = load_rubric(RUBRIC)
    case = {
        "school": {
            "id": school_id,
            "name": "示例小学",
            "kind": "general",
            "stages": ["primary"],
            "students": 1200,
            "staff": 90,
        },
        "entries": {"C4": {"rooms_missing": rooms_missing}, "C24": {"rate_percent": "84.9"}},
    }
    sheet = evaluate(rubric, case)
    return FrozenSheet(
        **{
            "school_id": school_id,
            "school_name": "示例小学",
            "rubric_id": RUBRIC,
            "rubric_version": rubric.version,
            "rubric_hash": rubric.content_hash,
            "engine_version": ENGINE_VERSION,
            "content_hash": sheet.content_hash,
            "case_json": json.dumps(case, ensure_ascii=False),
            "sheet_json": json.dumps(sheet.to_json(), ensure_ascii=False),
            "version": 1,
            "frozen_by": "person:7",
            "frozen_at": datetime(2026, 11, 20, tzinfo=UTC),
            "evidence": [
                {
                    "sha256": hashlib.sha256(PHOTO).hexdigest(),
                    "name": "功能室.png",
                    "media_type": "image/png",
                    "size_bytes": len(PHOTO),
                    "supports": [{"rubric_id": RUBRIC, "item_id": "C4", "number": 1}],
                }
            ],
            **changes,
        }
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle of two schools with their evidence."""
    return written(tmp_path / "round.zip", [frozen("zx-001", 3), frozen("zx-002", 0)])


def written(path: Path, sheets: list[FrozenSheet]) -> Path:
    """Write a bundle with evidence files."""
    rubric = load_rubric(RUBRIC)
    text = rubric.model_dump_json(by_alias=True, exclude={"examples"})
    made = contents(
        "2026-autumn",
        "2026年秋季",
        sheets,
        {rubric.content_hash: text},
        audit_head="ab" * 32,
        with_evidence=True,
    )
    photo = f"evidence/{hashlib.sha256(PHOTO).hexdigest()}"
    files = [*((name, [text]) for name, text in sorted(made.texts.items())), (photo, [PHOTO])]
    with path.open("wb") as target:
        write_bundle(target, made.manifest, files)
    return path


def checked(path: Path) -> Verdict:
    """Verify a bundle."""
    with open_bundle(path) as opened:
        return verify(opened, lambda _done, _total: None)


def changed(path: Path, change: Callable[[Files], None]) -> Path:
    """Write the bundle again after a change of its files."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def relisted(files: Files) -> None:
    """Make the manifest agree with its files, as a careful forger would."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: hashlib.sha256(text).hexdigest()
        for name, text in files.items()
        if name != "manifest.json"
    }
    files["manifest.json"] = json.dumps(manifest).encode()


def test_an_untouched_bundle_is_equal_and_the_same_bytes_each_time(
    bundle: Path, tmp_path: Path
) -> None:
    """Two schools re-computed to the digit; two copies can be compared by their hash."""
    verdict = checked(bundle)
    assert verdict.equal
    assert verdict.equal_sheets == 2
    assert verdict.evidence_checked == 2
    again = written(tmp_path / "again.zip", [frozen("zx-001", 3), frozen("zx-002", 0)])
    assert again.read_bytes() == bundle.read_bytes()


def test_a_point_added_to_a_sheet_is_named_even_if_the_manifest_was_forged(bundle: Path) -> None:
    """The forger changed sheet and manifest; the re-computation still says which number."""

    def forge(files: Files) -> None:
        name = f"sheets/zx-001/{RUBRIC}-v1.json"
        sheet = json.loads(files[name])
        assert sheet["items"]["C4"]["proven"] == "1.5"
        sheet["items"]["C4"]["proven"] = "3"
        files[name] = json.dumps(sheet, ensure_ascii=False).encode()
        relisted(files)

    verdict = checked(changed(bundle, forge))
    assert verdict.equal_sheets == 1
    place = f"sheets/zx-001/{RUBRIC}-v1.json: items.C4.proven"
    assert verdict.differences == (Difference("value_differs", place, '"3"', '"1.5"'),)


def test_a_changed_entry_of_the_case_is_found(bundle: Path) -> None:
    """Fewer missing rooms in the case file: another hash, other points."""

    def forge(files: Files) -> None:
        name = f"cases/zx-001/{RUBRIC}-v1.json"
        files[name] = files[name].replace(b'"rooms_missing": 3', b'"rooms_missing": 1')
        relisted(files)

    found = {one.code for one in checked(changed(bundle, forge)).differences}
    assert found == {"hash_differs", "value_differs"}


def test_a_changed_rubric_is_found(bundle: Path) -> None:
    """A softer deduction in the rubric gives other points and another hash."""

    def forge(files: Files) -> None:
        name = next(name for name in files if name.startswith("rubrics/"))
        rubric = json.loads(files[name])
        rubric["version"] = "9999"
        files[name] = json.dumps(rubric).encode()
        relisted(files)

    codes = {one.code for one in checked(changed(bundle, forge)).differences}
    assert "hash_differs" in codes


def test_missing_added_and_swapped_files_are_named(bundle: Path) -> None:
    """Evidence exchanged for another picture, a file more, a file less."""
    photo = f"evidence/{hashlib.sha256(PHOTO).hexdigest()}"

    def forge(files: Files) -> None:
        files[photo] = b"another picture"
        files["notes/extra.txt"] = b"?"
        del files[f"sheets/zx-002/{RUBRIC}-v1.json"]

    found = {(one.code, one.place) for one in checked(changed(bundle, forge)).differences}
    assert ("file_changed", photo) in found
    assert ("file_unlisted", "notes/extra.txt") in found
    assert ("file_missing", f"sheets/zx-002/{RUBRIC}-v1.json") in found


def test_another_engine_version_is_said_first(tmp_path: Path) -> None:
    """Who verifies with another engine is told which one published."""
    bundle = written(tmp_path / "old.zip", [frozen("zx-001", 3, engine_version="1")])
    assert checked(bundle).differences[0] == Difference(
        "engine_differs", "engine", "1", ENGINE_VERSION
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_bit_is_flipped_it_is_found_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """No damage to the content of a bundle passes for equal."""
    path = tmp_path_factory.mktemp("flip") / "one.zip"
    original = written(path, [frozen("zx-001", 3)]).read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    damaged = bytearray(original)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    try:
        equal = checked(path).equal
    except BundleError:
        return
    if equal:
        with zipfile.ZipFile(path) as found, zipfile.ZipFile(io.BytesIO(original)) as wanted:
            same = [found.read(name) == wanted.read(name) for name in wanted.namelist()]
        assert all(same), "only what no reader looks at (times, flags) may differ"


def test_the_command_speaks_and_exits_as_promised(bundle: Path, tmp_path: Path) -> None:
    """0 equal, 1 different, 2 no bundle; JSON is one document."""
    run = CliRunner().invoke
    good = run(app, ["verify", str(bundle), "--format", "json"])
    assert good.exit_code == 0
    report = json.loads(good.stdout)
    assert report["equal"] is True
    assert report["equal_sheets"] == 2
    expected = run(app, ["verify", str(bundle), "--expect", report["manifest_sha256"]])
    assert expected.exit_code == 0
    assert "一致" in expected.stdout
    assert run(app, ["verify", str(bundle), "--expect", "00"]).exit_code == 1

    def forge(files: Files) -> None:
        files[f"cases/zx-001/{RUBRIC}-v1.json"] += b" "

    bad = run(app, ["verify", str(changed(bundle, forge))])
    assert bad.exit_code == 1
    assert f"cases/zx-001/{RUBRIC}-v1.json" in bad.stdout
    other = tmp_path / "letter.txt"
    other.write_text("no bundle")
    assert run(app, ["verify", str(other)]).exit_code == 2
    assert run(app, ["verify", str(tmp_path / "absent.zip")]).exit_code == 2
