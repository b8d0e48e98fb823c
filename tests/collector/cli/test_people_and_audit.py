"""People and the audit chain from the command line, on a data directory and on PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from collector.cli.main import app

SECRET = "only-in-the-password-file"  # noqa: S105  # of a database that this test makes


def run(*arguments: str, code: int = 0, **environment: str) -> Result:
    """Run `campusgauge` in this process and check its exit code."""
    done = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def data(migrated_data: Path) -> str:
    """Return a data directory with a school and an admin."""
    data = str(migrated_data)
    run("school", "add", "--data", data, "--id", "zx-001", "--name", "示例小学")
    run("user", "add", "wang", "--role", "admin", "--data", data)
    return data


def test_a_person_is_added_listed_and_disabled(data: str) -> None:
    """The code is shown once, on standard output alone; a wrong role says why."""
    added = run("user", "add", "li", "--role", "editor", "--school", "zx-001", "--data", data)
    assert len(added.stdout.strip()) == 19
    wrong = run("user", "add", "zhao", "--role", "editor", "--data", data, code=2)
    assert "school_id" in wrong.stderr
    run("user", "disable", "li", "--data", data)
    people = json.loads(run("user", "list", "--data", data, "--format", "json").stdout)
    assert [(p["name"], p["disabled_at"] is None) for p in people] == [
        ("li", False),
        ("wang", True),
    ]


def test_audit_verify_names_the_tampered_row(data: str, tmp_path: Path) -> None:
    """0 while all fits, 1 and the row's name after one cell was changed, 2 without a chain."""
    intact = run("audit", "verify", "--data", data)
    head = run("audit", "head", "--data", data).stdout.strip()
    assert head in intact.stdout
    with sqlite3.connect(Path(data) / "records.sqlite3") as database:
        database.execute("UPDATE schools SET students = 9999 WHERE id = 'zx-001'")
    database.close()
    found = run("audit", "verify", "--data", data, code=1)
    assert 'schools ["zx-001"]' in found.stdout
    assert "school.put" in found.stdout
    run("audit", "verify", "--data", data, "--head", "7", code=2)
    run("audit", "verify", "--data", str(tmp_path / "none"), code=2)
    lines = run("audit", "export", "--data", data).stdout.splitlines()
    assert [json.loads(line)["position"] for line in lines] == list(range(1, len(lines) + 1))


def test_the_first_admin_gets_in_with_the_code_in_the_file(collector_process: Any) -> None:
    """Only the owner can read it, no log has it, it works once and is then gone."""
    collector_process.start()
    file = collector_process.data / "first-admin.txt"
    assert file.stat().st_mode & 0o777 == 0o600
    code = file.read_text(encoding="utf-8").split("code: ")[1].split("\n")[0]
    assert code not in (collector_process.data / "serve.log").read_text(encoding="utf-8")
    given = {"code": code, "password": "三匹马在井边 7 只鸭"}
    path = collector_process.address + "/api/v1/session/code"
    with httpx2.Client(trust_env=False, timeout=60) as client:
        assert client.post(path, json=given).json()["role"] == "admin"
        assert client.post(path, json=given).status_code == 410
    collector_process.stop()
    collector_process.start()
    assert not file.exists()


def test_records_in_postgresql_with_the_password_in_a_file(postgresql: Any, tmp_path: Path) -> None:
    """Over TCP with a password that no command line and no output ever holds."""
    url = postgresql.new_database()
    name = url.split("@/")[1].split("?")[0]
    postgresql.run(f"CREATE ROLE bureau LOGIN PASSWORD '{SECRET}'")
    postgresql.run(f'ALTER DATABASE "{name}" OWNER TO bureau')
    address = f"postgresql://bureau@127.0.0.1:{postgresql.port}/{name}"
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"127.0.0.1:{postgresql.port}:{name}:bureau:{SECRET}\n")
    passwords.chmod(0o600)
    given = {"CAMPUSGAUGE_RECORDS": address, "PGPASSFILE": str(passwords)}
    data = ["--data", str(tmp_path / "data")]
    school = ["--id", "zx-001", "--name", "示例小学"]
    said = [run("school", "add", *data, *school, **given), run("audit", "verify", *data, **given)]
    wrong = {**given, "PGPASSFILE": str(tmp_path / "none")}
    said.append(run("school", "list", *data, code=2, **wrong))
    assert not any(SECRET in each.stdout + each.stderr for each in said)
    in_address = address.replace("bureau@", f"bureau:{SECRET}@")
    refused = run("school", "list", *data, code=2, CAMPUSGAUGE_RECORDS=in_address)
    assert "PGPASSFILE" in refused.stderr
    assert SECRET not in refused.stderr
