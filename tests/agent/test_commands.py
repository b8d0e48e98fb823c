"""The command line as people and checkers use it: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.__main__ import COMMANDS, main
from agent.commands.probe_reference import SECTIONS
from agent.probes import probe_names

README = Path(agent.__file__).with_name("README.md")
READING_KEYS = [
    "probe",
    "target",
    "time",
    "outcome",
    "reason",
    "values",
    "labels",
    "limited_by",
    "details",
]


def run_agent(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_once_prints_one_json_document_and_nothing_else() -> None:
    """`once PROBE --format json` is exactly the list of readings of the contract."""
    done = run_agent("once", "server_headroom", "--format", "json")
    assert done.returncode == 0
    assert done.stderr == ""
    (reading,) = json.loads(done.stdout)
    assert list(reading) == READING_KEYS
    assert reading["probe"] == "server_headroom"
    assert 0 <= reading["values"]["memory_used_ratio"] <= 1


@pytest.mark.parametrize(("missing", "command"), [("dacite", "list"), ("psutil", "once")])
def test_a_base_installation_says_what_to_install(missing: str, command: str) -> None:
    """Without the extra `agent` a command answers with one sentence and exit 2, no traceback."""
    block = f"import sys; sys.modules[{missing!r}] = None; sys.argv[0] = 'campusgauge-agent'; "
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{block}from agent.__main__ import main; sys.exit(main())",
            command,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "CAMPUSGAUGE_AGENT_PUSH_INTERVAL_S": "30"},  # read by dacite
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert missing in done.stderr
    assert 'pip install "campusgauge[agent]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_once_for_people_is_a_table() -> None:
    """Without --format a person reads names and values."""
    done = run_agent("once", "host_uptime")
    assert done.returncode == 0
    assert "uptime_s = " in done.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["once", "no_such_probe"], "there are: server_headroom"),
        (["frobnicate"], "invalid choice"),
        ([], "COMMAND"),
        (["enrol", "--server", "http://127.0.0.1:1"], "--code"),
        (["once", "--config", "/nowhere.toml"], "cannot be read"),
    ],
)
def test_wrong_use_exits_with_2_and_says_what_is_right(words: list[str], advice: str) -> None:
    """Every wrong call ends with 2, a sentence on standard error and no stack trace."""
    done = run_agent(*words)
    assert done.returncode == 2
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [name for name, _, _ in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help works for every command, Chinese first."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    help_text = capsys.readouterr().out
    assert any("\u4e00" <= letter <= "\u9fff" for letter in help_text)


def test_probe_table_of_the_readme_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    """The README shows what the probes declare, word for word."""
    assert main(["list", "--format", "markdown"]) == 0
    table = capsys.readouterr().out
    assert table in README.read_text(encoding="utf-8"), (
        "replace the table in agent/README.md by: python -m agent list --format markdown"
    )


def test_reference_of_the_probes_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    """Every probe says its rights, settings, evidence and what makes it invalid, as in the file."""
    assert main(["list", "--format", "reference"]) == 0
    text = capsys.readouterr().out
    assert text == README.with_name("PROBES.md").read_text(encoding="utf-8"), (
        "python -m agent list --format reference > agent/PROBES.md"
    )
    for chapter in text.split("\n## ")[1:]:
        assert [one for one in SECTIONS if f"**{one}.**" not in chapter] == [], chapter[:40]


def test_list_is_readable_by_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """`list --format json` names every probe with its settings in force."""
    assert main(["list", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [probe["probe"] for probe in listed] == list(probe_names())
    assert all(probe["metrics"] and probe["interval_s"] > 0 for probe in listed)


def test_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder where a file is in the way ends with 1 and a sentence, not a stack trace."""
    (tmp_path / "state").write_text("a file")
    done = run_agent("run", "--state", str(tmp_path / "state"))
    assert done.returncode == 1
    assert "the system refused" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def quiet_config(tmp_path: Path) -> Path:
    """Return settings that stay on this host: no anchors, quick pushes, any free port."""
    path = tmp_path / "agent.toml"
    path.write_text(
        "[push]\ninterval_s = 0.2\n[exposition]\nport = 0\n"
        "[probes.server_headroom]\ninterval_s = 0.5\n"
        + "".join(
            f"[probes.{name}]\nenabled = false\n"
            for name in probe_names()
            if name not in ("server_headroom", "host_uptime")
        )
    )
    return path


@pytest.fixture
def steady(scripted: Any, tmp_path: Path, quiet_config: Path) -> Iterator[Any]:
    """Enrol, and return a starter of real agents on one state folder; all are ended."""
    state = tmp_path / "state"
    given = {"agent_id": "a", "key": "very-secret", "school": {"id": "s", "name": "s"}}
    scripted.say(201, given)
    assert main(["enrol", "--server", scripted.url, "--code", "c", "--state", str(state)]) == 0
    scripted.requests.clear()
    running: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "agent", "run"]
        command += ["--state", str(state), "--config", str(quiet_config)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_readings(scripted: Any, probe: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until the collector holds so many readings of a probe."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        rows = [row for batch in scripted.batches() for row in batch["readings"]]
        found = [row for row in rows if row["probe"] == probe]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no {count} readings of {probe}: {scripted.requests}")


def test_run_measures_pushes_shows_and_stops_within_two_seconds(scripted: Any, steady: Any) -> None:
    """The whole agent: readings arrive, the page shows them, SIGTERM ends it cleanly."""
    process = steady()
    wait_for_readings(scripted, "server_headroom", 3)
    wait_for_readings(scripted, "host_uptime")
    wait_for_readings(scripted, "agent")
    log = ""
    while "address=" not in log:
        log += process.stderr.readline()
    address = log.split("address=")[1].split()[0]
    with urllib.request.urlopen(address, timeout=5) as answer:
        page = answer.read().decode()
    assert 'campusgauge_server_headroom_memory_used_ratio{target="host"}' in page
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=10)
    assert time.monotonic() - started < 2
    assert process.returncode == 0
    log += rest
    assert "event=stopped" in log
    assert "very-secret" not in log + page
    assert "Traceback" not in log
    rows = [row["sequence"] for batch in scripted.batches() for row in batch["readings"]]
    assert rows == sorted(set(rows))


def test_killed_agent_loses_and_doubles_nothing(scripted: Any, steady: Any) -> None:
    """After kill -9 and lost answers: each sequence arrives, repeats only under their batch id."""
    for _ in range(3):
        scripted.say(0)  # the answer is lost
        before = len(scripted.requests)
        process = steady()
        deadline = time.monotonic() + 10
        while len(scripted.requests) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()
    process = steady()
    wait_for_readings(scripted, "agent", 4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    batches: dict[str, list[int]] = {}
    for batch in scripted.batches():
        rows = [row["sequence"] for row in batch["readings"]]
        assert batches.setdefault(batch["batch_id"], rows) == rows
    sequences = [sequence for rows in batches.values() for sequence in rows]
    assert sorted(sequences) == list(range(1, len(sequences) + 1))
    assert len(scripted.batches()) > len(batches)


def test_second_agent_on_the_same_state_is_refused(scripted: Any, steady: Any) -> None:
    """Two agents on one folder would double everything: the second says so and ends with 1."""
    steady()
    wait_for_readings(scripted, "agent")
    second = steady()
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert "another agent is running" in errors
