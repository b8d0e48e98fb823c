"""`campusgauge import-bundle`: take in the file of a school that cannot reach the bureau."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from collector.cli.options import DataOption, FormatOption, read_settings
from collector.cli.output import (
    EXIT_NOT_SO,
    Format,
    explain,
    explained_errors,
    show,
    show_json,
    wrong_use,
)
from collector.cli.running import find_running, send_file

HELP = """导入采集端用 export-bundle 导出的数据包；重复导入、之后又联网上报都不会重复计入。

被改动的数据包整个拒收，并指出在哪一行。采集服务在运行时由它导入。Import a bundle.
"""
_WORDS = {
    "stored": "新存入 stored",
    "duplicate": "已有 known already",
    "outdated": "早已上报过 delivered long ago",
    "quarantined": "隔离 quarantined",
    "refused": "拒收 refused",
}


def import_bundle(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="数据包", exists=True, dir_okay=False)
    ],
    data: DataOption,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", help="把回执写到这个文件，交还学校 settle-bundle"),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Import the file, through the running collector if there is one."""
    if not data.is_dir():
        raise wrong_use(f"{data}: 没有这个数据目录 no such data directory；核对 --data")
    running = find_running(data)
    report = send_file(running, "/api/v1/bundles", file) if running else None
    if report is None:
        report = _import_here(file, data)
    if receipt is not None:
        receipt.write_text(json.dumps(report["receipt"]), encoding="utf-8")
    refused = any(report["batches"].get(word) for word in ("quarantined", "refused"))
    if output is Format.JSON:
        show_json(report)
    else:
        _show(report)
    if refused:
        raise typer.Exit(EXIT_NOT_SO)


def _import_here(file: Path, data: Path) -> dict[str, Any]:
    """Import with the stores opened by this command, and wait until everything is applied."""
    import time

    from prometheus_client import CollectorRegistry

    from collector.app import open_stores
    from collector.ingest.applier import Applier
    from collector.ingest.bundle_import import import_bundle as take
    from collector.ingest.bundle_routes import ImportAnswer
    from collector.ingest.limits import IngestLimits
    from collector.ingest.metrics import IngestMetrics
    from collector.ingest.service import IngestService

    def clock() -> datetime:
        return datetime.now(UTC)

    with explained_errors():
        stores = open_stores(read_settings(data=data), explain)
        metrics = IngestMetrics(CollectorRegistry())
        applier = Applier(stores.records, stores.series, metrics, clock)
        applier.start()
        try:
            service = IngestService(stores.records, IngestLimits(), metrics, clock, applier)
            report = take(service, stores.records, file, clock())
            deadline_s = time.monotonic() + 600
            while applier.pending and time.monotonic() < deadline_s:
                time.sleep(0.05)
        finally:
            applier.stop()
            stores.close()
    return ImportAnswer.of(report).model_dump(mode="json")


def _show(report: dict[str, Any]) -> None:
    if report["imported_before"]:
        show(f"这个数据包已于 {report['imported_before']} 导入过，没有重复计入 imported before")
        return
    words = "，".join(f"{_WORDS.get(w, w)} {n} 批" for w, n in report["batches"].items())
    show(
        f"{report['school_id']} {report['agent_id']}: {words}；新读数 readings {report['readings']}"
    )
    if report["first_refusal"]:
        explain(report["first_refusal"])
