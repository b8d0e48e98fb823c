"""`campusgauge audit`: check and export the audit chain."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.options import DataOption, FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use
from collector.cli.records import opened_records
from collector.domain import AuditFault, AuditHead, AuditRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

app = typer.Typer(help="审计链 the audit chain: verify, export, head", no_args_is_help=True)

_WORDS = {
    "chain_broken": "审计链在此断开：这条记录或前一条被改动、插入或抽走 the chain breaks here",
    "chain_cut": "审计链末尾被截断，或链头被改动 the chain's end was cut or its head changed",
    "head_differs": "与先前记下的链头不符：链被重写或截断 differs from the head noted earlier",
    "row_changed": "这一行在程序之外被改动 this row was changed behind the program",
    "row_missing": "这一行在程序之外被删除 this row was removed behind the program",
    "row_unaudited": "这一行不是程序写入的 this row was not written by the program",
}
VERIFY_HELP = """核对审计链，并逐行比对受保护的数据。Compute the chain again, compare every row.

退出码 exit codes: 0 全部相符 all fits, 1 有改动（逐条指出）tampered, 2 无法核对 cannot check.

数据库管理员可以重写整条链；请把 head 另外保存（公示包中也有），再用 --head 核对。
Whoever owns the database can forge the whole chain: keep its head elsewhere and pass it as --head.
"""


@app.command("verify", help=VERIFY_HELP)
def verify(
    data: DataOption,
    head: Annotated[
        str | None, typer.Option("--head", help="先前记下的链头 POSITION:SHA256")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say what fits, and name every row that does not."""
    from rich.console import Console
    from rich.progress import Progress

    expected = _parse_head(head) if head else None
    progress = Progress(console=Console(stderr=True), transient=True)
    with opened_records(data) as records, progress as bar:
        report = records.verify_audit(expected, _Bar(bar))
    if output is Format.JSON:
        faults = [{**_fault(fault), "words": _WORDS[fault.kind]} for fault in report.faults]
        show_json(
            {
                "records": report.records,
                "rows": report.rows,
                "head": str(report.head),
                "faults_total": report.faults_total,
                "faults": faults,
            }
        )
    else:
        for fault in report.faults:
            show(_sentence(fault))
        if report.faults_total > len(report.faults):
            explain(f"… 共 {report.faults_total} 处，只列出前 {len(report.faults)} 处 in all")
        verdict = "相符 intact" if not report.faults_total else "不符 TAMPERED"
        show(
            f"{verdict}: {report.records} 条审计记录 records, {report.rows} 行数据 rows, "
            f"{report.faults_total} 处不符 faults"
        )
        show(f"head {report.head}")
    if report.faults_total:
        raise typer.Exit(EXIT_NOT_SO)


@app.command("head", help="显示链头，另存后可用来发现截断。Show the newest link.")
def show_head(data: DataOption) -> None:
    """Print the head that `verify --head` takes."""
    with opened_records(data) as records:
        show(str(records.audit_head()))


@app.command("export", help="导出全部审计记录，每行一个 JSON。Export all records as JSON lines.")
def export(data: DataOption) -> None:
    """Write every record, oldest first, with the hashes that prove their order."""
    with opened_records(data) as records:
        for record in records.all_audit_records():
            sys.stdout.write(json.dumps(_record(record), ensure_ascii=False) + "\n")


class _Bar:
    """Shows which table is being compared, and how far it is."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of one table."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done)


def _parse_head(text: str) -> AuditHead:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise wrong_use(f"--head {text!r} 有误：写成 POSITION:SHA256，见 audit head")
    return AuditHead(int(found[1]), bytes.fromhex(found[2]))


def _sentence(fault: AuditFault) -> str:
    where = f"{fault.table} {fault.row_key}" if fault.table else f"audit #{fault.position}"
    last = fault.last
    about = f"；最近一次正常操作 last act: #{last.position} {_who(last)}" if last else ""
    return f"{where}: {_WORDS[fault.kind]}{about}"


def _who(record: AuditRecord) -> str:
    return f"{record.at:%Y-%m-%d %H:%M:%S}Z {record.actor} {record.action}"


def _fault(fault: AuditFault) -> dict[str, object]:
    return {
        "kind": fault.kind,
        "position": fault.position,
        "table": fault.table,
        "row_key": fault.row_key,
        "last": _record(fault.last) if fault.last else None,
    }


def _record(record: AuditRecord) -> dict[str, object]:
    return {
        "position": record.position,
        "at": record.at.isoformat(timespec="microseconds"),
        "actor": record.actor,
        "action": record.action,
        "why": record.why,
        "address": record.address,
        "effect": record.effect.value,
        "table_name": record.table,
        "row_key": record.row_key,
        "row_sha256": record.row_sha256.hex() if record.row_sha256 else None,
        "hash": record.hash.hex(),
    }
