"""Settings: the sample is true, errors name file and key, the environment wins."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import agent
from agent.__main__ import main
from agent.config import ConfigError, default_places, load_settings
from agent.probes import IDLE_UNTIL_SET, load_probe, probe_names
from agent.settings import (
    ChildSettings,
    ExpositionSettings,
    PushSettings,
    ScheduleSettings,
    Settings,
    SpoolSettings,
)

SAMPLE = Path(agent.__file__).with_name("sample.toml")


def load(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    """Load settings from a text."""
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment or {})


def test_sample_shows_the_defaults(tmp_path: Path) -> None:
    """The sample as it is, and with every default line switched on, gives the defaults."""
    text = SAMPLE.read_text(encoding="utf-8")
    defaults = load_settings(None, {})
    assert load(tmp_path, text) == defaults
    assert load(tmp_path, re.sub(r"(?m)^#(?=\S)", "", text)) == defaults


def test_probes_left_out_at_start_are_those_with_nothing_to_observe(tmp_path: Path) -> None:
    """The list of idle probes is what the probes say; one key or variable brings each back."""
    whole = load_settings(None, {}).probes
    assert {name for name, plan in whole.items() if plan.idle_reason} == IDLE_UNTIL_SET
    running = {name for name, plan in whole.items() if plan.idle_reason is None}
    sample = SAMPLE.read_text(encoding="utf-8")
    (tmp_path / "agent.toml").write_text(sample, encoding="utf-8")
    assert load_settings(tmp_path / "agent.toml", {}, all_probes=False).probes.keys() == running
    (tmp_path / "agent.toml").write_text("[probes.services]\ntimeout_s = 9\n", encoding="utf-8")
    some = load_settings(tmp_path / "agent.toml", {}, all_probes=False).probes
    assert some.keys() == running | {"services"}
    variable = {"CAMPUSGAUGE_AGENT_PROBES_CAMERAS_TIMEOUT_S": "9"}
    assert load_settings(None, variable, all_probes=False).probes["cameras"].timeout_s == 9


def test_sample_shows_every_setting() -> None:
    """No setting is missing from the sample, so that reading one file is enough."""
    tables: dict[str, set[str]] = {}
    table = ""
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[(.+)\]", line):
            table = header[1]
            tables[table] = set()
        elif setting := re.match(r"# ?([a-z_0-9]+) = ", line):
            tables.setdefault(table, set()).add(setting[1])
    for name, kind in {
        "push": PushSettings,
        "spool": SpoolSettings,
        "exposition": ExpositionSettings,
        "children": ChildSettings,
        "schedule": ScheduleSettings,
        **{f"probes.{name}": load_probe(name).settings_type for name in probe_names()},
    }.items():
        missing = {field.name for field in fields(kind)} - tables.get(name, set())
        assert not missing, f"add to agent/sample.toml under [{name}]: {sorted(missing)}"
        assert name in tables, f"add to agent/sample.toml: [{name}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[puhs]\n", "unknown setting puhs; did you mean push?"),
        (
            "[push]\nintervall_s = 3\n",
            "unknown setting push.intervall_s; did you mean push.interva",
        ),
        ("[push]\ninterval_s = true\n", "push.interval_s must be float, not 'True'"),
        ('[push]\ninterval_s = "often"\n', "push.interval_s must be float, not 'often'"),
        ("[push]\nbatch_readings = 2.5\n", "push.batch_readings must be int, not 2.5"),
        ("[push]\ninterval_s = 0\n", "interval_s must be above 0"),
        ("[exposition]\nport = 70000\n", "port must be between 0 and 65535"),
        ("[spool]\nmax_bytes = 5\n", "max_bytes must be at least"),
        ("push = 3\n", "push must be a table"),
        ("[probes.server_hedroom]\n", "did you mean probes.server_headroom?"),
        (
            "[probes.server_headroom]\nintervals = 5\n",
            "did you mean probes.server_headroom.interval_s?",
        ),
        ("[probes.server_headroom]\ninterval_s = -1\n", "interval_s must be above 0"),
        ("[probes.storage_volumes]\npurposes = 3\n", "probes.storage_volumes.purposes must be"),
        ("[push\n", "not valid TOML"),
        ('[schedule]\nwindow = ["07:00-22:00"]\n', "did you mean schedule.windows?"),
        ('[schedule]\nwindows = ["7-22"]\n', "windows: '7-22' is not FROM-UNTIL"),
        ('[schedule]\nexams = ["2027-06-07"]\n', "is not FROM/UNTIL"),
        ("[push]\ninterval_s = nan\n", "interval_s must be above 0"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake is refused with the file, the key and what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "agent.toml") in str(caught.value)
    assert message in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error, not the defaults."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_command_line_exits_with_2_on_a_wrong_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong settings are wrong use: a sentence, exit code 2, no stack trace."""
    path = tmp_path / "agent.toml"
    path.write_text("[puhs]\n")
    assert main(["list", "--config", str(path)]) == 2
    assert "did you mean push?" in capsys.readouterr().err


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A variable replaces what the file says, with the type the setting has."""
    settings = load(
        tmp_path,
        "[push]\ninterval_s = 3\nbatch_readings = 7\n[probes.server_headroom]\nenabled = true\n",
        {
            "CAMPUSGAUGE_AGENT_PUSH_INTERVAL_S": "30",
            "CAMPUSGAUGE_AGENT_PUSH_CA_FILE": "/etc/ca.pem",
            "CAMPUSGAUGE_AGENT_PROBES_SERVER_HEADROOM_ENABLED": "false",
            "CAMPUSGAUGE_DATA": "belongs to the collector",
        },
    )
    assert settings.push == PushSettings(
        interval_s=30.0, batch_readings=7, ca_file=Path("/etc/ca.pem")
    )
    assert not settings.probes["server_headroom"].enabled


def test_unknown_variable_is_an_error() -> None:
    """A misspelt variable is named, with the nearest that exists."""
    with pytest.raises(ConfigError, match="did you mean CAMPUSGAUGE_AGENT_PUSH_INTERVAL_S"):
        load_settings(None, {"CAMPUSGAUGE_AGENT_PUSH_INTERVAL": "30"})


def test_places_come_from_the_environment() -> None:
    """State folder and file can be set once for all commands."""
    places = default_places(
        {"CAMPUSGAUGE_AGENT_STATE": "/srv/agent", "CAMPUSGAUGE_AGENT_CONFIG": "/etc/a.toml"}
    )
    assert (places.state_dir, places.config_file) == (Path("/srv/agent"), Path("/etc/a.toml"))
    assert default_places({}).config_file is None


def test_light_probes_run_always_and_tables_may_say_otherwise(tmp_path: Path) -> None:
    """Exam mode leaves the light probes alone unless a table says so."""
    text = "[probes.host_uptime]\nalways = false\n[probes.ups_snmp]\nalways = true\n"
    probes = load(tmp_path, text).probes
    assert not probes["host_uptime"].always
    assert probes["ups_snmp"].always
    assert probes["server_headroom"].always
    assert not probes["outlet_bandwidth"].always
