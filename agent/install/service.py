"""The files and commands that make the agent a service: systemd on Linux, a task on Windows.

What is to be done is worked out first, as values; `carry_out` does it. With another root than `/`
only files are written and removed, which is how packages are staged and how this is tested.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

NAME = "campusgauge-agent"
TASK = "CampusGauge agent"
UNIT = Path("/etc/systemd/system") / f"{NAME}.service"
DROP_IN = UNIT.with_name(f"{UNIT.name}.d") / "raw-sockets.conf"
SYSCTL = Path("/etc/sysctl.d") / f"60-{NAME}.conf"
CONFIG = Path("/etc/campusgauge/agent.toml")
RunCommand = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to write (text by path), paths to remove, commands to run after that, in order.

    A file in `keep` is written only where there is none.
    """

    write: dict[Path, str]
    remove: tuple[Path, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
    keep: frozenset[Path] = frozenset()


def template(name: str, **values: str) -> str:
    """Return a file of this package with its `@NAME@` marks filled in."""
    text = files("agent.install").joinpath(name).read_text(encoding="utf-8")
    for mark, value in values.items():
        text = text.replace(f"@{mark.upper()}@", value)
    return text


def linux_install(program: Path, state: Path, config: Path, *, raw_sockets: bool) -> Plan:
    """Return how to install on Linux: a user of its own, the unit, the pings' permission."""
    unit = template(UNIT.name, program=str(program), state=str(state), config=str(config))
    sample = files("agent").joinpath("sample.toml").read_text(encoding="utf-8")
    ping = f"# Pings without privileges for {NAME}.\nnet.ipv4.ping_group_range = 0 2147483647\n"
    write = {UNIT: unit, config: sample, SYSCTL: ping}
    if raw_sockets:
        write[DROP_IN] = template(DROP_IN.name)
    owner = f"{NAME}:{NAME}"
    return Plan(
        write,
        remove=() if raw_sockets else (DROP_IN,),
        before=(
            ("useradd", "--system", "--user-group", "--no-create-home", "--shell",
             "/usr/sbin/nologin", NAME),
            ("install", "-d", "-m", "0700", "-o", NAME, "-g", NAME, str(state)),
            ("chown", "-R", owner, str(state)),
        ),
        after=(
            ("sysctl", "-q", "-p", str(SYSCTL)),
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", "--now", UNIT.name),
            ("systemctl", "restart", UNIT.name),
        ),
        keep=frozenset({config}),
    )  # fmt: skip


def linux_uninstall(state: Path, config: Path, *, purge: bool) -> Plan:
    """Return how to uninstall: state and settings stay unless they are purged."""
    gone: tuple[Path, ...] = (UNIT, DROP_IN.parent, SYSCTL)
    after: tuple[tuple[str, ...], ...] = (("systemctl", "daemon-reload"),)
    if purge:
        gone += (state, config)
        after += (("userdel", NAME),)
    return Plan(
        {}, remove=gone, before=(("systemctl", "disable", "--now", UNIT.name),), after=after
    )


def windows_script(program: Path, state: Path, config: Path) -> str:
    """Return the PowerShell script that registers the task."""
    names = {"program": program, "state": state, "config": config}
    quoted = {name: str(path).replace("'", "''") for name, path in names.items()}
    return template("install-task.ps1", task=TASK, **quoted)


def windows_remove_script() -> str:
    """Return the PowerShell script that removes the task."""
    return template("remove-task.ps1", task=TASK)


def carry_out(plan: Plan, root: Path, run: RunCommand) -> list[str]:
    """Do what the plan says and return what was done, a line each. Raises OSError.

    Below another root than `/` no command is run.
    """
    done = []
    live = root == Path("/")
    for command in plan.before if live else ():
        run(command)
    for path, text in plan.write.items():
        place = root / path.relative_to("/")
        if path in plan.keep and place.exists():
            done.append(f"保留 kept: {path}")
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        done.append(f"写入 wrote: {path}")
    for path in plan.remove:
        place = root / path.relative_to("/")
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists():
            place.unlink()
        else:
            continue
        done.append(f"删除 removed: {path}")
    for command in plan.after if live else ():
        run(command)
    return done


def run_command(command: Sequence[str]) -> None:
    """Run one command of a plan; one that fails is told and does not stop the rest.

    Re-running an installation meets users that exist already and services that do not run.
    """
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - fixed words and paths
    except FileNotFoundError:
        sys.stderr.write(f"没有这个命令 no such command: {command[0]}\n")
        return
    if ended.returncode:
        sys.stderr.write(f"{' '.join(command)}: {ended.stderr.strip()}\n")
