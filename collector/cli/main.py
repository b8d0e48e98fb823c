"""`campusgauge`: one command or group per file; what is heavy is imported when it is used."""

from __future__ import annotations

import typer

from collector.cli import (
    agent,
    audit,
    bundle_agent,
    enrol_code,
    example,
    holidays,
    import_bundle,
    key,
    rubric,
    school,
    score,
    serve,
    slots,
    speedtest_server,
    up,
    user,
    verify,
)

app = typer.Typer(
    name="campusgauge",
    help="""校园标尺 CampusGauge：区县教育局一侧的命令（采集、评分、细则）。

    第一次使用 first steps:\n
      campusgauge up                      在本机试用全套系统 try the whole line here\n
      campusgauge serve --data DIR        启动采集服务 start the collector\n
      campusgauge school add --data DIR   登记学校 add a school\n
      campusgauge enrol-code --data DIR   发放注册码，在学校主机上运行 campusgauge-agent enrol

    退出码 exit codes: 0 完成 done, 1 所问的事不成立 not so, 2 用法有误 wrong use.
    """,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up", help=up.HELP)(up.up)
app.command("serve", help=serve.HELP)(serve.serve)
app.command("enrol-code", help=enrol_code.HELP)(enrol_code.enrol_code)
app.command("example", help=example.HELP)(example.example)
app.command("bundle-agent", help=bundle_agent.HELP)(bundle_agent.bundle_agent)
app.command("import-bundle", help=import_bundle.HELP)(import_bundle.import_bundle)
app.command("score", help=score.HELP)(score.score)
app.command("speedtest-server", help=speedtest_server.HELP)(speedtest_server.speedtest_server)
app.command("verify", help=verify.HELP)(verify.verify)
app.add_typer(school.app, name="school")
app.add_typer(user.app, name="user")
app.add_typer(audit.app, name="audit")
app.add_typer(agent.app, name="agent")
app.add_typer(key.app, name="key")
app.add_typer(rubric.app, name="rubric")
app.add_typer(slots.app, name="slots")
app.add_typer(holidays.app, name="holidays")
