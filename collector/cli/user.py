"""`campusgauge user`: people who sign in, their passwords and tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli import import_list
from collector.cli.acts import act_now
from collector.cli.options import DataOption, FormatOption
from collector.cli.output import Format, explain, explained_errors, show, show_json
from collector.cli.records import opened_records
from collector.domain import Assignment, Person, Role, TokenScope

if TYPE_CHECKING:
    from collector.storage.ports import RecordStore

PAGE = 500
HELP = """人员与登录 people who sign in: add, list, disable, password, assign, token

第一次使用 first steps:\n
  campusgauge user add wang --role admin --data DIR       添加管理员，得到一次性代码\n
  campusgauge user add li --role editor --school zx-001 --data DIR\n
  打开采集服务的 /set-password，用一次性代码设置密码
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
token_app = typer.Typer(help="程序用的令牌 tokens for programs", no_args_is_help=True)
app.add_typer(token_app, name="token")
app.command("import", help=import_list.PEOPLE_HELP)(import_list.import_people)
app.command("template", help=import_list.TEMPLATE_HELP)(import_list.people_template)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="登录名 sign-in name")]


@app.command("add", help="添加人员，显示一次性代码。Add a person; shows a one-time code.")
def add(
    name: NameArgument,
    data: DataOption,
    role: Annotated[
        Role,
        typer.Option(
            "--role",
            help="admin 管理员，inspector 督查，editor 填报员，headmaster 校长，viewer 查看",
        ),
    ],
    school: Annotated[
        str | None, typer.Option("--school", help="学校编号；填报员和校长必填，查看者可填")
    ] = None,
    display_name: Annotated[str, typer.Option("--display-name", help="显示的姓名")] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Add a person and show the code that sets the first password."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        person, code = Accounts(records).add(
            name, display_name, role, school, act_now("person.add")
        )
    _show_code(person, code, output)


@app.command("list", help="列出人员。List people.")
def list_people(data: DataOption, output: FormatOption = Format.TEXT) -> None:
    """Show everybody with role, school and state."""
    with opened_records(data) as records:
        people = _everybody(records)
        documents = [_document(records, person) for person in people]
    if output is Format.JSON:
        show_json(documents)
        return
    for person, document in zip(people, documents, strict=True):
        state = "已停用 disabled" if person.disabled_at else document["state"]
        show(f"{person.name}\t{person.display_name}\t{person.role}\t{document['school']}\t{state}")
    if not people:
        explain("还没有人员。添加：campusgauge user add --help")


@app.command("disable", help="停用：立即退出登录并停用令牌。Disable; ends sessions and tokens.")
def disable(name: NameArgument, data: DataOption) -> None:
    """End everything a person could do."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        accounts = Accounts(records)
        accounts.disable(accounts.named(name).id, act_now("person.disable"))
    show(f"已停用 disabled: {name}")


@app.command("enable", help="恢复停用的人员。Enable again.")
def enable(name: NameArgument, data: DataOption) -> None:
    """Let a person sign in again."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        accounts = Accounts(records)
        accounts.enable(accounts.named(name).id, act_now("person.enable"))
    show(f"已恢复 enabled: {name}")


@app.command("password", help="重设密码，显示一次性代码。Reset; shows a one-time code.")
def password(name: NameArgument, data: DataOption, output: FormatOption = Format.TEXT) -> None:
    """End the old password and every session."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        accounts = Accounts(records)
        person = accounts.named(name)
        code = accounts.reset_password(person.id, act_now("password.reset"))
    _show_code(person, code, output)


@app.command("assign", help="给督查人员指派学校（替换原有指派）。Assign schools to an inspector.")
def assign(
    name: NameArgument,
    data: DataOption,
    school: Annotated[
        list[str] | None, typer.Option("--school", help="学校编号，可重复；不给则清空")
    ] = None,
    round_id: Annotated[
        str | None, typer.Option("--round", help="只在这一评估轮次；默认所有轮次")
    ] = None,
) -> None:
    """Replace what was assigned before."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        accounts = Accounts(records)
        person = accounts.named(name)
        assigned = [Assignment(person.id, each, round_id) for each in school or ()]
        accounts.assign(person.id, assigned, act_now("person.assign"))
    show(f"已指派 assigned: {name} → {', '.join(school or ()) or '-'}")


@app.command("link", help="关联统一登录帐号（<issuer>#<subject>）。Link single sign-on.")
def link(
    name: NameArgument,
    data: DataOption,
    subject: Annotated[str, typer.Option("--subject", help="登录页提示的帐号；空文本取消关联")],
) -> None:
    """Let the bureau's sign-in service vouch for this person."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        accounts = Accounts(records)
        person = replace(accounts.named(name), oidc_subject=subject or None)
        accounts.put(person, act_now("person.link"))
    show(f"已关联 linked: {name} ← {subject or '-'}")


@token_app.command("make", help="生成令牌（只显示这一次）。Make a token, shown once.")
def make(
    name: NameArgument,
    data: DataOption,
    label: Annotated[str, typer.Option("--label", help="用途，如程序名")],
    scope: Annotated[
        TokenScope, typer.Option("--scope", help="read 只读；write 可做此人可做的事")
    ] = TokenScope.READ,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="有效天数")] = 90,
) -> None:
    """Make a token with at most this person's rights."""
    from collector.people.accounts import Accounts
    from collector.people.tokens import make_token

    with explained_errors(), opened_records(data) as records:
        person = Accounts(records).named(name)
        act = act_now("token.make", label)
        token, text = make_token(records, person.id, label, scope, days, act)
    show(text)
    explain(f"令牌编号 id {token.id}，到期 expires {token.expires_at:%Y-%m-%d}")


@token_app.command("list", help="列出某人的令牌。List a person's tokens.")
def tokens(name: NameArgument, data: DataOption) -> None:
    """Show id, scope, expiry and state."""
    from collector.people.accounts import Accounts

    with explained_errors(), opened_records(data) as records:
        found = records.tokens(Accounts(records).named(name).id)
    for token in found:
        state = "已停用 revoked" if token.revoked_at else f"至 until {token.expires_at:%Y-%m-%d}"
        show(f"{token.id}\t{token.scope}\t{state}\t{token.label}")


@token_app.command("revoke", help="停用令牌。Revoke a token.")
def revoke(
    name: NameArgument,
    data: DataOption,
    token_id: Annotated[str, typer.Option("--id", help="令牌编号")],
) -> None:
    """End a token at once."""
    from collector.people.accounts import Accounts
    from collector.people.tokens import revoke_token

    with explained_errors(), opened_records(data) as records:
        person = Accounts(records).named(name)
        revoke_token(records, person.id, token_id, act_now("token.revoke"))
    show(f"已停用 revoked: {token_id}")


def _everybody(records: RecordStore) -> list[Person]:
    people: list[Person] = []
    while page := records.people(people[-1].name if people else "", PAGE):
        people += page
    return people


def _document(records: RecordStore, person: Person) -> dict[str, object]:
    schools = [person.school_id] if person.school_id else []
    schools += [each.school_id for each in records.assignments(person.id)]
    proven = records.password(person.id) is not None or person.oidc_subject is not None
    return {
        "id": person.id,
        "name": person.name,
        "display_name": person.display_name,
        "role": person.role.value,
        "school": ",".join(schools) or "-",
        "state": "有效 active" if proven else "未设密码 no password yet",
        "disabled_at": person.disabled_at.isoformat() if person.disabled_at else None,
    }


def _show_code(person: Person, code: str, output: Format) -> None:
    if output is Format.JSON:
        show_json({"id": person.id, "name": person.name, "code": code})
        return
    show(code)
    explain(f"{person.name}：打开 /set-password 输入此代码设置密码，7 天内有效，只能用一次。")
