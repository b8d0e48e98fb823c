"""`campusgauge verify`: compute a published sheet again from its bundle, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.options import FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use

if TYPE_CHECKING:
    from collector.publishing.verification import Verdict

HELP = """核验公示包：离线重算评分单，逐位比较。Re-compute published sheets from their bundle.

只读公示包本身，不联网、不读库。退出码 0：完全一致；1：有出入，逐处列出；2：不是公示包。
"""
_SAID = {
    "file_missing": "文件缺失 missing",
    "file_changed": "文件被改动 changed",
    "file_unlisted": "目录里没有登记的文件 not listed in the manifest",
    "rubric_unreadable": "细则读不出 the rubric cannot be read",
    "case_unreadable": "案卷读不出 the case cannot be read",
    "sheet_unreadable": "评分单读不出 the sheet cannot be read",
    "hash_differs": "内容哈希不符 content hash differs",
    "value_differs": "数值不符 value differs",
    "engine_differs": "评分引擎版本不同，请用公示时的版本核验 another engine version; verify with "
    "the version that published",
}
PROGRESS_FROM = 50
"""Sheets from which on a line of progress is worth the noise."""


def verify(
    bundle: Annotated[Path, typer.Argument(help="公示包 the bundle (.zip)", dir_okay=False)],
    expect: Annotated[
        str | None,
        typer.Option("--expect", help="公示文件上印的清单 SHA-256 the manifest hash as printed"),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Verify a bundle and say equal, or where it differs."""
    verdict = _verify(bundle)
    other = expect is not None and expect.lower().strip() != verdict.manifest_sha256
    if output is Format.JSON:
        show_json(_as_json(verdict, expected=not other))
    else:
        _show(verdict)
        if other:
            show(f"✗ 清单哈希与所给的不同 the manifest is not the expected one: {expect}")
    if other or not verdict.equal:
        raise typer.Exit(EXIT_NOT_SO)


def _verify(path: Path) -> Verdict:
    from collector.publishing.bundle import BundleError, open_bundle
    from collector.publishing.verification import verify as verify_bundle

    def progress(done: int, total: int) -> None:
        if total >= PROGRESS_FROM and done % (total // 10) == 0:
            explain(f"重算 re-computing {done}/{total}")

    try:
        with open_bundle(path) as bundle:
            return verify_bundle(bundle, progress)
    except BundleError as error:
        raise wrong_use(f"{path}: 不是可核验的公示包 not a readable bundle ({error})") from error
    except OSError as error:
        raise wrong_use(f"{path}: 打不开 cannot be opened ({error.strerror})") from error


def _show(verdict: Verdict) -> None:
    from rubrics.engine import ENGINE_VERSION

    manifest = verdict.manifest
    show(f"轮次 round: {manifest.round_title} ({manifest.round_id})")
    for one in verdict.differences:
        show(f"✗ {one.place}: {_SAID[one.code]}")
        if one.published is not None or one.found is not None:
            show(f"    公示 published: {one.published}\n    现算 found:     {one.found}")
    mark = "✓ 一致 equal" if verdict.equal else "✗ 有出入 different"
    show(
        f"{mark}: 评分单 sheets {verdict.equal_sheets}/{len(manifest.sheets)}，"
        f"支撑材料 evidence files {verdict.evidence_checked}/{len(manifest.evidence)}"
    )
    show(f"清单 manifest sha256:{verdict.manifest_sha256}  引擎 engine {ENGINE_VERSION}")


def _as_json(verdict: Verdict, *, expected: bool) -> dict[str, object]:
    from rubrics.engine import ENGINE_VERSION

    return {
        "equal": verdict.equal and expected,
        "manifest_sha256": verdict.manifest_sha256,
        "manifest_expected": expected,
        "round": verdict.manifest.round_id,
        "engine_version": ENGINE_VERSION,
        "sheets": len(verdict.manifest.sheets),
        "equal_sheets": verdict.equal_sheets,
        "evidence": len(verdict.manifest.evidence),
        "evidence_checked": verdict.evidence_checked,
        "differences": [
            {"code": one.code, "place": one.place, "published": one.published, "found": one.found}
            for one in verdict.differences
        ],
    }
