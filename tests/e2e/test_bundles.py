"""Readings carried by hand: whole, signed, never twice, and mixed with pushing."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.__main__ import main
from agent.collector_client import CollectorClient
from agent.identity import Identity, load_identity, save_identity
from agent.reading import Outcome, Reading
from agent.settings import MIB, SpoolSettings
from agent.spool import Spool
from collector.cli.main import app
from collector.domain import Act, School, SchoolKind
from collector.enrolment.guessing import GuessGuard
from collector.enrolment.service import EnrolmentService, new_code
from collector.errors import CollectorError
from collector.ingest.bundle import verify_bundle
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import open_records

NOW = datetime.now(UTC)
READINGS = 30


def records_of(site: Any) -> Any:
    """Open the records of the site's collector."""
    return open_records(f"sqlite:///{site.data / 'records.sqlite3'}", lambda _: None)


@pytest.fixture
def island(site: Any) -> Any:
    """Return a site whose agent is enrolled, has readings, and has no network to the bureau."""
    site.data.mkdir(mode=0o700)
    records = records_of(site)
    records.put_school(School("zx-001", "测试小学", SchoolKind.GENERAL), Act("cli:t", NOW, "t"))
    code, _ = new_code(records, "zx-001", NOW)
    service = EnrolmentService(records, GuessGuard(time.monotonic), lambda: NOW)
    given = service.enrol(code, "pc", "linux", "127.0.0.1")
    records.close()
    save_identity(
        site.state, Identity(site.address, given.agent_id, given.key_text, "zx-001", "测试小学")
    )
    fill(site, range(READINGS))
    return site


def fill(site: Any, numbers: range) -> None:
    """Measure: put numbered readings into the spool."""
    spool = Spool(site.state / "spool", SpoolSettings(), system="linux")
    for number in numbers:
        moment = NOW - timedelta(hours=1) + timedelta(seconds=number)
        spool.put([Reading("host_uptime", "host", moment, Outcome.OK, values={"uptime_s": number})])
    spool.close()


def export(site: Any, name: str = "a.bundle", code: int = 0) -> Path:
    """Export to a file in the site's folder, small batches."""
    config = site.folder / "agent.toml"
    config.write_text("[push]\nbatch_readings = 7\n")
    file: Path = site.folder / name
    given = ["--state", str(site.state), "--config", str(config), "--out", str(file)]
    assert main(["export-bundle", *given]) == code
    return file


def take_in(site: Any, file: Path, *more: str) -> tuple[int, Any, str]:
    """Import in this process; return exit code, document and what was explained."""
    given = ["import-bundle", str(file), "--data", str(site.data), "--format", "json", *more]
    done = CliRunner().invoke(app, given)
    document = json.loads(done.stdout) if done.stdout.strip() else None
    return done.exit_code, document, done.stderr


def stored(site: Any) -> list[float]:
    """Return the numbers in the series store, the collector being down."""
    series = DuckDBSeriesStore(site.data / "series.duckdb")
    found = series.latest_readings("zx-001", limit=10_000)
    series.close()
    return sorted(one.reading.values["uptime_s"] for one in found)


def test_a_bundle_is_imported_once_and_its_receipt_frees_the_spool(
    island: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every reading arrives; again changes nothing; the receipt lets the host forget them."""
    file, receipt = export(island), island.folder / "receipt.json"
    code, report, _ = take_in(island, file, "--receipt", str(receipt))
    assert (code, report["batches"], report["readings"]) == (0, {"stored": 5}, READINGS)
    assert stored(island) == list(range(READINGS))
    code, again, _ = take_in(island, file)
    assert code == 0
    assert again["imported_before"]
    assert again["batches"] == {}
    fill(island, range(READINGS, READINGS + 3))
    second = export(island, "b.bundle")
    code, report, _ = take_in(island, second)
    assert report["batches"] == {"duplicate": 5, "stored": 1}
    assert stored(island) == list(range(READINGS + 3))
    capsys.readouterr()
    assert main(["settle-bundle", str(receipt), "--state", str(island.state)]) == 0
    assert "settled 5 batches, 3 readings left" in capsys.readouterr().out
    forged = receipt.with_name("forged.json")
    forged.write_text(receipt.read_text().replace('"batch_ids": ["', '"batch_ids": ["x'))
    assert main(["settle-bundle", str(forged), "--state", str(island.state)]) == 1
    assert "签名不符" in capsys.readouterr().err


def test_pushing_and_carrying_the_same_batches_stores_them_once(island: Any) -> None:
    """The network comes back while the stick travels: both ways lead to the same rows."""
    file = export(island)
    island.start_collector()
    identity = load_identity(island.state)
    assert identity is not None
    client = CollectorClient(identity.access(), timeout_s=30)
    spool = Spool(island.state / "spool", SpoolSettings(), system="linux")
    for _ in range(3):
        batch = spool.next_batch(500, MIB)
        assert batch is not None
        assert client.post("/api/v1/readings", batch.body, {}).json()["status"] == "stored"
        spool.settle(batch)
    code, report, _ = take_in(island, file)
    assert (code, report["batches"]) == (0, {"duplicate": 3, "stored": 2})
    while (batch := spool.next_batch(500, MIB)) is not None:
        assert client.post("/api/v1/readings", batch.body, {}).json()["status"] == "duplicate"
        spool.settle(batch)
    spool.close()
    client.close()
    assert island.end("collector", signal.SIGTERM) == 0
    assert stored(island) == list(range(READINGS))


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a bundle."""
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def tampered(file: Path, lines: list[dict[str, Any]]) -> Path:
    """Write a changed bundle beside the true one."""
    made = file.with_name("changed.bundle")
    made.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    return made


def change_value(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one measured number better."""
    body = base64.b64decode(lines[2]["body"]).replace(b'"uptime_s":7', b'"uptime_s":9')
    lines[2]["body"] = base64.b64encode(body).decode()
    return lines


CHANGES: list[tuple[Any, str]] = [
    (change_value, "第 3 行"),
    (lambda lines: lines[:2] + lines[3:], "第 3 行"),
    (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "第 3 行"),
    (lambda lines: lines[:-1], "第 7 行"),
    (lambda lines: [lines[0] | {"agent_id": "a2"}, *lines[1:]], "不认识签名的密钥"),
    (lambda lines: [lines[0] | {"made_at": "2020"}, *lines[1:]], "第 1 行"),
    (lambda lines: [*lines, lines[-1]], "第 8 行"),
]


def test_a_changed_bundle_is_refused_with_the_place(island: Any) -> None:
    """Whatever was changed, left out, moved or added: nothing is stored, the line is named."""
    file = export(island)
    records = records_of(island)
    for change, place in CHANGES:
        changed = tampered(file, change(lines_of(file)))
        with pytest.raises(CollectorError) as refused:
            verify_bundle(changed, records.key)
        assert place in refused.value.detail
    records.close()
    code, _, said = take_in(island, tampered(file, change_value(lines_of(file))))
    assert (code, "第 3 行" in said) == (2, True)
    assert stored(island) == []


def test_a_torn_file_and_a_revoked_key_are_refused(island: Any) -> None:
    """Half a file, junk, and the bundle of an agent that was revoked."""
    file = export(island)
    half = file.with_name("half.bundle")
    half.write_bytes(file.read_bytes()[:-40])
    assert take_in(island, half)[0] == 2
    half.write_bytes(b"junk")
    code, _, said = take_in(island, half)
    assert (code, "第 1 行" in said) == (2, True)
    records = records_of(island)
    records.revoke_agent(records.agents("zx-001")[0].id, Act("test", NOW, "agent.revoke"))
    records.close()
    code, _, said = take_in(island, file)
    assert (code, "已吊销" in said) == (2, True)


def test_export_beside_a_running_agent_takes_nothing_from_it(island: Any) -> None:
    """The spool's lock stays with the agent, which goes on; nothing to carry is exit code 1."""
    spool = Spool(island.state / "spool", SpoolSettings(), system="linux")
    file = export(island)
    spool.put([Reading("host_uptime", "host", NOW, Outcome.OK, values={"uptime_s": 99})])
    assert spool.counts().claimed == READINGS
    assert len(lines_of(file)) == 7
    while (batch := spool.next_batch(500, MIB)) is not None:
        spool.settle(batch)
    spool.close()
    export(island, "none.bundle", code=1)
    assert not (island.folder / "none.bundle").exists()
