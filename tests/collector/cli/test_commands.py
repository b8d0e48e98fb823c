"""The commands as processes: exit codes, one JSON document, sentences that say what to do."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.cli.main import app


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]
RUBRIC = "zhongxian-inspection"
CASE = {
    "school": {
        "id": "zx-001",
        "name": "示例小学",
        "kind": "general",
        "stages": ["primary"],
        "students": 1200,
        "staff": 90,
        "classes": 24,
    },
    "entries": {"C4": {"rooms_missing": 3}},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return how to run one command in this process, away from the project's folder.

    A command that ends in anything but an exit code fails the test with its own exception.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_command(*arguments: object) -> Done:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run_command


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Return how to run one command as its own process, as people do."""

    def run_command(*arguments: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "collector", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run_command


@pytest.fixture
def school_added(run: Run, data: Path) -> None:
    """Add one school."""
    done = run("school", "add", "--data", data, "--id", "zx-001", "--name", "示例小学",
               "--kind", "general", "--stages", "primary", "--students", 1200, "--staff", 90,
               "--classes", 24)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_help_teaches_and_names_every_command(run_process: Run) -> None:
    """The first page tells a newcomer what to type first."""
    done = run_process("--help")
    assert done.returncode == 0
    for word in ("serve", "school", "enrol-code", "score", "rubric", "key", "speedtest-server"):
        assert re.search(rf"^ +{word} ", done.stdout, re.MULTILINE)
    assert "campusgauge serve --data DIR" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["up"],
        ["score"],
        ["enrol-code"],
        ["speedtest-server"],
        ["school", "add"],
        ["key", "create"],
        ["key", "revoke"],
        ["rubric", "lint"],
    ],
)
def test_every_command_explains_itself_in_chinese(run: Run, command: list[str]) -> None:
    """`--help` of each exits 0 and speaks Chinese."""
    done = run(*command, "--help")
    assert done.returncode == 0
    assert re.search("[一-鿿]{4}", done.stdout)


def test_adding_a_school_again_updates_it(run: Run, data: Path, school_added: None) -> None:
    """JSON output is one document; unknown counts are null, not 0."""
    del school_added
    done = run("school", "add", "--data", data, "--id", "zx-001", "--name", "新名", "--format=json")
    document = json.loads(done.stdout)
    assert document["status"] == "updated"
    assert document["school"]["students"] is None
    listed = json.loads(run("school", "list", "--data", data, "--format", "json").stdout)
    assert [(school["id"], school["name"]) for school in listed] == [("zx-001", "新名")]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--id", "a b", "--name", "x"], "--id"),
        (["--id", "a", "--name", "x", "--stages", "primary,college"], "primary,junior,senior"),
        (["--id", "a", "--name", "x", "--students", "-1"], "--students"),
        (["--id", "a", "--name", "x", "--kind", "college"], "--kind"),
        (["--name", "x"], "--id"),
    ],
)
def test_wrong_use_is_explained(run: Run, data: Path, arguments: list[str], said: str) -> None:
    """Exit 2, nothing on standard output, the option named on standard error."""
    done = run("school", "add", "--data", data, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_facts_are_declared_checked_and_listed(run: Run, data: Path, school_added: None) -> None:
    """One wrong value records nothing; the list says what is in force and what is not declared."""
    del school_added
    base = ["school", "declare", "--data", str(data), "--id", "zx-001"]
    wrong = {
        "servers": "NAME=VALUE",
        "server=3": "servers",
        "servers=2.5": "整数",
        "contracted_mbps=fast": "数字",
        "contracted_mbps=-1": "超出范围",
    }
    for text, said in wrong.items():
        done = run(*base, "backbone_links=4", text)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    assert run(*base).stdout.count("未申报") == len(run(*base).stdout.splitlines())
    done = run(*base, "servers=3", "contracted_mbps=1000", "--as-of", "2026-09-01")
    assert done.returncode == 0
    assert "servers\t3 (2026-09-01)\t生产服务器台数" in done.stdout
    unknown = run("school", "declare", "--data", str(data), "--id", "nobody", "servers=3")
    assert unknown.returncode == 2
    assert "school add" in unknown.stderr


def test_codes_and_keys_are_the_only_output(run: Run, data: Path, school_added: None) -> None:
    """`CODE=$(campusgauge enrol-code …)` works; remarks go to standard error."""
    del school_added
    code = run("enrol-code", "--data", data, "--school", "zx-001")
    assert re.fullmatch(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\n", code.stdout)
    key = run("key", "create", "--data", data, "--school", "zx-001", "--scope", "write")
    assert re.fullmatch(r"cg_[0-9a-f]{16}_[0-9a-f]{64}\n", key.stdout)
    listed = run("key", "list", "--data", data)
    assert key.stdout.split("_")[1] in listed.stdout
    assert key.stdout.strip().split("_")[2] not in listed.stdout


def test_revoking_says_whether_it_was_there(run: Run, data: Path, school_added: None) -> None:
    """Exit 0 for a key that is there, 1 for one that is not."""
    del school_added
    made = run("key", "create", "--data", data, "--scope", "read", "--format", "json")
    key_id = json.loads(made.stdout)["id"]
    assert run("key", "revoke", "--data", data, "--id", key_id).returncode == 0
    assert run("key", "revoke", "--data", data, "--id", "0" * 16).returncode == 1
    assert run("key", "revoke", "--data", data).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["key", "create", "--scope", "write"], "--school"),
        (["key", "create", "--scope", "read", "--school", "zx-001"], "--school"),
        (["key", "create", "--scope", "agent"], "enrol-code"),
        (["key", "create", "--scope", "write", "--school", "none"], "school add"),
        (["enrol-code", "--school", "none"], "school add"),
    ],
)
def test_keys_need_the_right_owner(run: Run, data: Path, arguments: list[str], said: str) -> None:
    """A key for nobody, for a reader's school or for an unknown school is refused with help."""
    done = run(*arguments, "--data", data)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    "arguments", [["school", "list"], ["enrol-code", "--school", "a"], ["key", "list"]]
)
def test_a_misspelt_data_directory_is_not_made(
    run: Run, tmp_path: Path, arguments: list[str]
) -> None:
    """Nobody wonders why the county is suddenly empty."""
    missing = tmp_path / "typo"
    done = run(*arguments, "--data", missing)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such data directory" in done.stderr
    assert not missing.exists()


def test_a_case_file_is_scored_offline(run: Run, tmp_path: Path) -> None:
    """Same inputs, same document: C4 with three rooms missing has 1.5 of 3 points."""
    case = tmp_path / "case.json"
    case.write_text(json.dumps(CASE), encoding="utf-8")
    first = run("score", RUBRIC, "--case", case, "--format", "json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["items"]["C4"]["proven"] == "1.5"
    assert first.stderr == ""
    assert run("score", RUBRIC, "--case", case, "--format", "json").stdout == first.stdout
    people = run("score", RUBRIC, "--case", case)
    assert "C4" in people.stdout
    assert people.returncode == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "JSON"),
        ("[]", "JSON"),
        ('{"school": {"kind": "vocational"}}', "kind"),
        (json.dumps({**CASE, "entries": {"C4": {"rooms_mising": 3}}}), "rooms_missing"),
        (json.dumps({**CASE, "entries": {"C4": {"rooms_missing": "many"}}}), "rooms_missing"),
    ],
)
def test_a_wrong_case_is_explained(run: Run, tmp_path: Path, content: str, said: str) -> None:
    """Exit 2 with the place and, for a misspelt name, the right one."""
    case = tmp_path / "case.json"
    case.write_text(content, encoding="utf-8")
    done = run("score", RUBRIC, "--case", case, "--format", "json")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [RUBRIC],
        [RUBRIC, "--school", "zx-001"],
        [RUBRIC, "--case", "missing.json"],
        ["no-such-rubric", "--case", "case.json"],
        [RUBRIC, "--data", "missing", "--school", "zx-001"],
    ],
)
def test_score_without_its_inputs_is_wrong_use(run: Run, arguments: list[str]) -> None:
    """Exit 2 and a sentence, whatever is missing."""
    done = run("score", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_school_is_scored_with_and_without_a_running_collector(
    run: Run, run_process: Run, collector_process: Any
) -> None:
    """The running collector is asked; once it is gone the command reads the stores itself."""
    data = collector_process.data
    arguments = ["score", RUBRIC, "--data", data, "--school", "zx-001", "--format", "json"]
    collector_process.start()
    for name in ("series.duckdb", "session.key", "collector.json"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
    asked = run_process(*arguments)
    assert asked.returncode == 0, asked.stderr
    unknown = run("score", RUBRIC, "--data", data, "--school", "none")
    assert unknown.returncode == 2
    assert "school" in unknown.stderr
    collector_process.kill()
    alone = run(*arguments)
    assert alone.returncode == 0, alone.stderr
    assert json.loads(alone.stdout)["items"].keys() == json.loads(asked.stdout)["items"].keys()


def test_a_taken_port_names_the_next_free_one(run_process: Run, data: Path) -> None:
    """Exit 2 at once, with a port that can really be used."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_process("serve", "--data", data, "--port", port)
    assert done.returncode == 2
    found = re.search(r"--port (\d+)", done.stderr)
    assert found is not None
    with socket.create_server(("127.0.0.1", int(found[1]))):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--series", "influxdb+http://127.0.0.1:8086"], "duckdb:///"),
        (["--records", "mysql://127.0.0.1/x"], "postgresql://USER@HOST/NAME"),
        (["--records", "postgresql://127.0.0.1:1/x"], "records_unavailable"),
        (["--host", "256.1.1.1"], "--host"),
        (["--measurement-server", "ftp://x"], "measurement"),
        (
            ["--measurement-server", "http://a:1", "--measurement-server", "http://b:1"],
            "token file",
        ),
    ],
)
def test_serve_refuses_what_it_cannot_do(
    run: Run, data: Path, arguments: list[str], said: str
) -> None:
    """Exit 2, saying what is supported now."""
    done = run("serve", "--data", data, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_collector_on_the_same_data_is_refused(
    run_process: Run, collector_process: Any
) -> None:
    """Two collectors cannot share a series file; the second says so and ends."""
    collector_process.start()
    done = run_process("serve", "--data", collector_process.data, "--port", "0")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert collector_process.stop() == 0
    assert not (collector_process.data / "collector.json").exists()


def test_the_log_holds_no_key(collector_process: Any, run: Run) -> None:
    """Neither the local key nor a pushed one appears in the log; lines are JSON."""
    collector_process.start()
    local = json.loads((collector_process.data / "collector.json").read_text())
    made = run("key", "create", "--data", collector_process.data, "--scope=write",
               "--school=zx-001")  # fmt: skip
    request = urllib.request.Request(
        collector_process.address + "/api/v1/readings",
        data=b"{",
        headers={
            "Authorization": f"Bearer {made.stdout.strip()}",
            "Content-Type": "application/json",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 400
    caught.value.close()
    collector_process.stop()
    log = (collector_process.data / "serve.log").read_text()
    assert log
    for text in (local["key"], made.stdout.strip()):
        assert text.split("_")[2] not in log
    assert all(json.loads(line)["level"] for line in log.splitlines() if line.startswith("{"))


def test_rubrics_are_listed_shown_and_checked(run: Run, tmp_path: Path) -> None:
    """A broken file is exit 1 with file, line and column; the official ones pass."""
    listed = json.loads(run("rubric", "list", "--format", "json").stdout)
    assert RUBRIC in {rubric["id"] for rubric in listed}
    shown = json.loads(run("rubric", "show", RUBRIC, "--format", "json").stdout)
    assert shown["id"] == RUBRIC
    assert "C4" in run("rubric", "show", RUBRIC).stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: x\nversion: [\n", encoding="utf-8")
    done = run("rubric", "lint", broken)
    assert done.returncode == 1
    assert re.search(r"broken\.yaml:\d+:\d+", done.stdout)
    assert run("rubric", "lint").returncode == 2


def test_speedtest_server_needs_tokens_or_the_word_open(run: Run) -> None:
    """Neither a token file nor --open is wrong use, not an open server."""
    done = run("speedtest-server", "--port", "65001")
    assert done.returncode == 2
    assert "--open" in done.stderr
