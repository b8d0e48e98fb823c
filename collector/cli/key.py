"""`campusgauge key`: keys for viewing and for foreign clients."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from collector.cli.options import DataOption, FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use
from collector.cli.records import opened_records
from collector.domain import Act, Key, Scope

app = typer.Typer(help="发放、查看、停用密钥 create, list, revoke keys", no_args_is_help=True)


@app.command("create", help="发放密钥（只显示这一次，库中只存摘要）。Create a key, shown once.")
def create(
    data: DataOption,
    scope: Annotated[
        Scope,
        typer.Option(
            "--scope", help="read 查看页面和接口；write 为一所学校推送数据；bureau 设置考试和重测"
        ),
    ],
    school: Annotated[
        str | None, typer.Option("--school", help="学校编号，scope 为 write 时必填")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="备注，例如使用人")] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Issue a key and show it once."""
    if scope is Scope.AGENT:
        raise wrong_use("采集端的密钥由注册产生：campusgauge enrol-code --help")
    if (scope is Scope.WRITE) != (school is not None):
        raise wrong_use("scope write 须用 --school 指明学校；其他 scope 不属于某一所学校。")
    from collector.enrolment.service import new_key

    with opened_records(data) as records:
        text, made = new_key(records, scope, school, label, datetime.now(UTC))
    if output is Format.JSON:
        show_json({"key": text, **_document(made)})
        return
    show(text)
    explain(f"密钥编号 {made.id}。停用：campusgauge key revoke --id {made.id} --data …")


@app.command("list", help="列出密钥的编号、范围和状态。List keys, never their text.")
def list_keys(data: DataOption, output: FormatOption = Format.TEXT) -> None:
    """Show every key's id, scope and state."""
    with opened_records(data) as records:
        keys = [_document(key) for key in records.all_keys()]
    if output is Format.JSON:
        show_json(keys)
        return
    for key in keys:
        state = "已停用" if key["revoked_at"] else "有效"
        show(f"{key['id']}\t{key['scope']}\t{key['school'] or '-'}\t{state}\t{key['label']}")


@app.command("revoke", help="停用密钥或采集端，已采集的数据保留。Revoke; data stays.")
def revoke(
    data: DataOption,
    key_id: Annotated[str | None, typer.Option("--id", help="密钥编号")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="采集端编号：停用其全部密钥")] = None,
) -> None:
    """Revoke one key, or one agent with all its keys."""
    if (key_id is None) == (agent is None):
        raise wrong_use("用 --id 或 --agent 指明一个。查看编号：campusgauge key list --data …")
    now = datetime.now(UTC)
    with opened_records(data) as records:
        if key_id is not None:
            done = records.revoke_key(key_id, now)
        else:
            who = f"cli:{getpass.getuser()}"
            done = records.revoke_agent(agent or "", Act(who, now, "agent.revoke"))
    if not done:
        explain(f"没有这个编号：{key_id or agent}。查看编号：campusgauge key list --data …")
        raise typer.Exit(EXIT_NOT_SO)
    show(f"已停用 revoked: {key_id or agent}")


def _document(key: Key) -> dict[str, str | None]:
    return {
        "id": key.id,
        "scope": key.scope.value,
        "school": key.school_id,
        "agent": key.agent_id,
        "label": key.label,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
    }
