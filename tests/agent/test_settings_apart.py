"""Settings for the steady process: the same settings and errors, without what it took to read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import load_settings
from agent.probes.base import Cost

SHOW = """
import sys
from pathlib import Path
from agent.config import ConfigError
from agent.settings_apart import load_settings_apart
try:
    print(repr(load_settings_apart(Path(sys.argv[1]))))
except ConfigError as error:
    print("ConfigError:", error)
heavy = {"dacite", "tomllib", "statistics", "random", "agent.probes.outlet_bandwidth"}
print(sorted(heavy & set(sys.modules)))
"""
SETTINGS = """
[push]
interval_s = 7.5
ca_file = "/etc/ca.pem"
[probes.anchors]
anchors = [{ name = "a", kind = "tcp", host = "h", port = 80 }]
[probes.outlet_bandwidth]
enabled = false
max_seconds = 9.0
"""


def read_apart(settings_file: Path) -> list[str]:
    """Return the lines that a fresh process shows: the settings, then the modules left in it."""
    command = [sys.executable, "-c", SHOW, str(settings_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.splitlines()


def test_settings_are_those_of_the_ordinary_reader(tmp_path: Path) -> None:
    """Nothing is lost on the way but the settings of probes that this process does not run."""
    settings_file = tmp_path / "agent.toml"
    settings_file.write_text(SETTINGS)
    whole = load_settings(settings_file)
    expected = {
        name: plan if plan.is_run and plan.cost is Cost.LIGHT else replace(plan, own=None)
        for name, plan in whole.probes.items()
        if plan.is_run or name in SETTINGS
    }
    shown, _ = read_apart(settings_file)
    assert shown == repr(replace(whole, probes=expected))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Neither the parser nor a heavy probe's module stays in the steady process."""
    settings_file = tmp_path / "agent.toml"
    settings_file.write_text(SETTINGS)
    assert read_apart(settings_file)[-1] == "[]"


def test_wrong_setting_is_named_as_ever(tmp_path: Path) -> None:
    """The error is the ordinary reader's, word for word."""
    settings_file = tmp_path / "agent.toml"
    settings_file.write_text("[push]\nintervall_s = 3\n")
    shown, _ = read_apart(settings_file)
    assert "unknown setting push.intervall_s; did you mean push.interval_s?" in shown
