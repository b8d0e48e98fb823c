"""The service's files: accepted by systemd, hardened, kept or removed as told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from agent.__main__ import main
from agent.config import load_settings
from agent.install import service

STATE = Path("/var/lib/campusgauge-agent")
EXPOSURE_MAX = 2.5
"""Of `systemd-analyze security`; a service without any of it has 9.6. Systemd 252 says 2.2."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit as `install` writes it, with a program that exists here."""
    program = Path(sys.executable).with_name("campusgauge-agent")
    plan = service.linux_install(program, tmp_path, tmp_path / "agent.toml", raw_sockets=False)
    file = tmp_path / service.UNIT.name
    text = plan.write[service.UNIT]
    file.write_text(text)
    return file


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which needs no running systemd for this."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is not installed: see tools/system_packages.py"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit(unit: Path) -> None:
    """No unknown key, no wrong value, the program is there."""
    done = analyze("verify", "--recursive-errors=no", str(unit))
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_unit_is_well_protected(unit: Path) -> None:
    """The exposure that systemd computes stays low, and the unit has no capability at all."""
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    level = next(line for line in done.stdout.splitlines() if "Overall exposure level" in line)
    assert float(level.split(":")[1].split()[0]) <= EXPOSURE_MAX, level
    assert "CapabilityBoundingSet=\n" in unit.read_text()


def test_install_stages_files_and_keeps_the_settings(tmp_path: Path) -> None:
    """Below --root nothing runs; a second install keeps what the technician set."""
    state = ("--state", str(STATE), "--root", str(tmp_path))
    assert main(["install", *state]) == 0
    unit = tmp_path / service.UNIT.relative_to("/")
    config = tmp_path / service.CONFIG.relative_to("/")
    assert f"ReadWritePaths={STATE}\n" in unit.read_text()
    assert "@" not in unit.read_text().replace("@system-service", "").replace("@privileged", "")
    assert load_settings(config) == load_settings(None)
    config.write_text("[push]\ninterval_s = 30\n")
    assert main(["install", *state, "--raw-sockets"]) == 0
    assert config.read_text() == "[push]\ninterval_s = 30\n"
    drop_in = tmp_path / service.DROP_IN.relative_to("/")
    assert "AmbientCapabilities=CAP_NET_RAW\n" in drop_in.read_text()
    assert main(["install", *state]) == 0
    assert not drop_in.exists()


@pytest.mark.parametrize("purge", [False, True])
def test_uninstall_keeps_or_removes_state_as_told(tmp_path: Path, purge: bool) -> None:
    """The unit goes; key, readings and settings go only with --purge."""
    state = ("--state", str(STATE), "--root", str(tmp_path))
    main(["install", *state])
    key = tmp_path / STATE.relative_to("/") / "identity.json"
    key.parent.mkdir(parents=True)
    key.write_text("{}")
    assert main(["uninstall", *state, *(["--purge"] if purge else [])]) == 0
    assert not (tmp_path / service.UNIT.relative_to("/")).exists()
    assert not (tmp_path / service.SYSCTL.relative_to("/")).exists()
    assert key.exists() is not purge
    assert (tmp_path / service.CONFIG.relative_to("/")).exists() is not purge


def test_commands_of_a_live_installation() -> None:
    """A user of its own, a state folder for it alone, then the service; removed in reverse."""
    plan = service.linux_install(Path("/opt/x"), STATE, service.CONFIG, raw_sockets=False)
    assert [command[0] for command in plan.before] == ["useradd", "install", "chown"]
    assert ("systemctl", "enable", "--now", service.UNIT.name) in plan.after
    gone = service.linux_uninstall(STATE, service.CONFIG, purge=True)
    assert gone.before == (("systemctl", "disable", "--now", service.UNIT.name),)
    assert ("userdel", service.NAME) in gone.after
    assert ("userdel", service.NAME) not in service.linux_uninstall(
        STATE, service.CONFIG, purge=False
    ).after


def test_windows_scripts_are_whole() -> None:
    """Every mark is filled in, quotes are doubled, braces and quotes balance, no privileges.

    The scripts were not run: there is no Windows here.
    """
    folder = PureWindowsPath(r"C:\Programs\O'Neil")
    text = service.windows_script(folder / "agent.exe", folder / "state", folder / "a.toml")
    assert "'C:\\Programs\\O''Neil\\agent.exe'" in text
    for script in (text, service.windows_remove_script()):
        assert "@" not in script
        assert "'CampusGauge agent'" in script
        for opening, closing in ("()", "{}", "[]"):
            assert script.count(opening) == script.count(closing)
        assert all(line.count("'") % 2 == 0 for line in script.splitlines())
        assert script.splitlines()[1].startswith(("#", "$ErrorActionPreference"))
    assert "-RunLevel Limited" in text
    assert "/inheritance:r" in text
