"""The offline installer: made for this platform, installed without an index, upgraded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.identity import Identity, load_identity, save_identity
from agent.reading import Outcome, Reading
from agent.settings import SpoolSettings
from agent.spool import Spool
from collector import agent_bundle
from collector.cli.main import app

PLATFORM = f"linux_{os.uname().machine}"
PYTHON = "{}.{}".format(*sys.version_info[:2])


def run(command: list[str], cwd: Path, code: int = 0) -> str:
    """Run a command without any index; return what it printed."""
    quiet = {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PYTHON": sys.executable}
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **quiet}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return this version's wheel, built once."""
    return agent_bundle.own_wheel(tmp_path_factory.mktemp("wheel"), None)


@pytest.mark.timeout(600)
def test_a_bundle_installs_offline_measures_and_upgrades(built: Path, tmp_path: Path) -> None:
    """Made by the command, installed into a new environment, run again over a live state."""
    archive = tmp_path / "agent.tar.gz"
    given = ["bundle-agent", "--platform", PLATFORM, "--python", PYTHON, "--out", str(archive)]
    given += ["--wheel", str(built)]
    made = CliRunner().invoke(app, given)
    assert made.exit_code == 0, made.output
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    folder, prefix = tmp_path / "campusgauge-agent", tmp_path / "prefix"
    install = ["sh", "install.sh", "--prefix", str(prefix), "--no-service"]
    run(install, folder)
    agent = prefix / "bin" / "campusgauge-agent"
    readings = json.loads(run([str(agent), "once", "host_uptime", "--format", "json"], tmp_path))
    assert readings[0]["values"]["uptime_s"] > 0
    assert not list(prefix.glob("lib/python*/site-packages/fastapi")), "the collector's libraries"

    state = tmp_path / "state"
    save_identity(state, Identity("https://x", "a", "cg_1_2", "s", "校"))
    spool = Spool(state / "spool", SpoolSettings(), system="linux")
    spool.put([Reading("host_uptime", "host", datetime.now(UTC), Outcome.OK)])
    stream = spool.stream
    spool.close()
    said = run([str(agent), "upgrade", str(folder), "--no-restart"], tmp_path)
    assert "upgraded" in said
    identity = load_identity(state)
    assert identity is not None
    assert identity.key == "cg_1_2"
    again = Spool(state / "spool", SpoolSettings(), system="linux")
    assert (again.stream, again.counts().queued) == (stream, 1)
    again.close()

    (folder / "wheels" / "h11-0.16.0-py3-none-any.whl").write_bytes(b"changed")
    assert "安装包不完整" in run(install, folder, code=1)


def test_an_installed_version_is_packed_into_a_wheel_again(built: Path, tmp_path: Path) -> None:
    """At the bureau there is no source tree: the wheel is made from what is installed."""
    target = tmp_path / "site"
    # What an installation of it leaves there.
    zipfile.ZipFile(built).extractall(target)  # noqa: S202 - our own wheel
    probe = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from importlib.metadata import distributions\n"
        "from collector import agent_bundle as b\n"
        "found = next(d for d in distributions(path=[sys.argv[1]]) if d.name == 'campusgauge')\n"
        "b.distribution = lambda name: found\n"
        "print(b.own_wheel(Path(sys.argv[2]), None))\n"
    )
    (tmp_path / "out").mkdir()
    made = run(
        [sys.executable, "-I", "-c", probe, str(target), str(tmp_path / "out")], tmp_path
    ).strip()
    before, after = (set(zipfile.ZipFile(w).namelist()) for w in (built, made))
    code = {name for name in before if name.endswith((".py", ".yaml", ".toml", ".service", ".sh"))}
    assert code <= after
    assert any(name.endswith("entry_points.txt") for name in after)


def test_a_missing_index_is_explained(tmp_path: Path, monkeypatch: Any) -> None:
    """Without packages the command says what failed, and leaves no half archive."""
    monkeypatch.setattr(agent_bundle, "own_wheel", lambda folder, _: folder / "none.whl")
    out = tmp_path / "a.zip"
    given = ["bundle-agent", "--platform", "win_amd64", "--out", str(out)]
    made = CliRunner().invoke(app, given)
    assert made.exit_code == 2
    assert "pip 失败" in made.output
    assert not out.exists()
