"""`campusgauge agent`: the hosts of the schools; clones, successors, keys."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from collector.cli.options import DataOption, FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json
from collector.cli.records import opened_records
from collector.domain import Act, Agent

app = typer.Typer(
    help="采集端主机：查看、隔离与解除、吊销、换机、换密钥 hosts that report", no_args_is_help=True
)
AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="采集端编号，见 agent list")]
WhyOption = Annotated[str, typer.Option("--why", help="原因，记入审计 why, for the audit log")]


@app.command("list", help="列出采集端及其状态。List agents: in service, quarantined, revoked.")
def list_agents(
    data: DataOption,
    school: Annotated[str | None, typer.Option("--school", help="只看一所学校")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show every agent with its state; quarantined ones with where their batches came from."""
    with opened_records(data) as records:
        agents = records.agents(school)
        addresses: dict[str, list[str]] = {}
        for school_id in {agent.school_id for agent in agents if agent.quarantined_at}:
            for batch in records.quarantined(school_id, 10_000):
                addresses.setdefault(batch.agent_id, []).append(batch.address)
    documents = [_document(agent, addresses.get(agent.id, [])) for agent in agents]
    if output is Format.JSON:
        show_json(documents)
        return
    for agent, found in zip(agents, documents, strict=True):
        seen = agent.last_seen_at.isoformat(timespec="seconds") if agent.last_seen_at else "-"
        show(f"{agent.id}\t{agent.school_id}\t{agent.host_name}\t{found['state']}\t{seen}")
        if agent.quarantined_at is not None:
            sources = ", ".join(sorted(set(addresses.get(agent.id, [])) - {""})) or "?"
            explain(
                f"  隔离：两台主机同用此身份（来自 {sources}）。克隆机须重新登记；"
                f"核实后 campusgauge agent release {agent.id} --data …"
            )
    if not agents:
        explain("还没有采集端。发放登记码：campusgauge enrol-code --help")


@app.command("release", help="核实只剩一台主机后解除隔离；之后先上报的主机为准。End a quarantine.")
def release(
    agent: AgentArgument,
    data: DataOption,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="隔离的读数一并计入数据；默认丢弃，主机自己还保存着未确认的读数",
        ),
    ] = False,
    why: WhyOption = "",
) -> None:
    """Trust the next host that sends under this identity."""
    with opened_records(data) as records:
        done = records.release_agent(agent, _act("agent.release", why), accept=accept)
    _told(done, f"已解除 released: {agent}", f"没有处于隔离的采集端 not in quarantine: {agent}")


@app.command("revoke", help="吊销：下一次上报即被拒，已采集的数据保留。Revoke; data stays.")
def revoke(agent: AgentArgument, data: DataOption, why: WhyOption = "") -> None:
    """Revoke an agent with all its keys."""
    with opened_records(data) as records:
        done = records.revoke_agent(agent, _act("agent.revoke", why))
    _told(done, f"已吊销 revoked: {agent}", f"没有这个采集端 no such agent: {agent}")


@app.command("rotate", help="要求采集端在一小时内自行更换密钥。Ask it to change its key.")
def rotate(agent: AgentArgument, data: DataOption, why: WhyOption = "") -> None:
    """Let the agent change its key at its next look."""
    with opened_records(data) as records:
        done = records.want_key(agent, _act("agent.rotate", why))
    _told(done, f"已要求 asked: {agent}", f"没有这个采集端 no such agent: {agent}")


@app.command(
    "replace", help="换机：发放登记码，新主机沿用旧采集端的编号和历史。A successor's code."
)
def replace(
    agent: AgentArgument,
    data: DataOption,
    days: Annotated[int, typer.Option("--days", min=1, max=90, help="有效天数")] = 7,
    output: FormatOption = Format.TEXT,
) -> None:
    """Issue a code, good for one host, that takes this agent's place."""
    from collector.enrolment.service import new_code

    with opened_records(data) as records:
        found = records.agent(agent)
        if found is None:
            explain(f"没有这个采集端 no such agent: {agent}")
            raise typer.Exit(EXIT_NOT_SO)
        text, code = new_code(
            records,
            found.school_id,
            datetime.now(UTC),
            valid=timedelta(days=days),
            max_uses=1,
            agent_id=found.id,
        )
    until = code.expires_at.isoformat(timespec="seconds")
    if output is Format.JSON:
        show_json({"code": text, "agent": agent, "school": found.school_id, "expires_at": until})
        return
    show(text)
    explain(
        f"接替 {found.host_name}（{agent}），一台主机，{until} 前有效；登记后旧主机的密钥失效。"
    )


def _told(done: bool, yes: str, no: str) -> None:
    if not done:
        explain(f"{no}。查看 list them: campusgauge agent list --data …")
        raise typer.Exit(EXIT_NOT_SO)
    show(yes)


def _act(action: str, why: str) -> Act:
    return Act(f"cli:{getpass.getuser()}", datetime.now(UTC), action, why)


def _document(agent: Agent, addresses: list[str]) -> dict[str, object]:
    if agent.revoked_at is not None:
        state = "revoked"
    elif agent.quarantined_at is not None:
        state = "quarantined"
    else:
        state = "in_service"
    return {
        "id": agent.id,
        "school": agent.school_id,
        "host_name": agent.host_name,
        "state": state,
        "enrolled_at": agent.enrolled_at.isoformat(timespec="seconds"),
        "last_seen_at": _time(agent.last_seen_at),
        "quarantined_at": _time(agent.quarantined_at),
        "quarantine_reason": agent.quarantine_reason,
        "quarantined_batches": len(addresses),
        "quarantined_from": sorted(set(addresses) - {""}),
        "key_wanted": agent.key_wanted_at is not None,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
