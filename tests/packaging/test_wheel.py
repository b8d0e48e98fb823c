"""The wheel: with and without the scripts of others, and never anything of them in the source."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir"]


def built(folder: Path, assets: str) -> zipfile.ZipFile:
    """Build the wheel and open it."""
    environment = {**os.environ, "CAMPUSGAUGE_ASSETS": assets}
    subprocess.run([*BUILD, folder, str(ROOT)], check=True, env=environment, timeout=170)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_without_the_hook_everything_of_our_own_is_in_it(tmp_path: Path) -> None:
    """Templates, styles, rubrics and migrations; no vendor folder, no lock file, no tests."""
    with built(tmp_path, "off") as wheel:
        names = set(wheel.namelist())
    assert {
        "collector/web/templates/base.html",
        "collector/web/static/campusgauge.css",
        "collector/storage/migrations/versions/0001_create_the_tables.py",
        "rubrics/official/zhongxian-2021/inspection.yaml",
        "rubrics/reasons.yaml",
    } <= names
    strange = ("collector/web/static/vendor/", "collector/web/assets/", "tests/", "benchmarks/")
    assert [name for name in names if name.startswith(strange)] == []


def test_no_script_of_others_is_in_the_source() -> None:
    """What git tracks holds no bundle, and the lock file names no registry."""
    listed = subprocess.run(
        ["git", "ls-files", "collector/web"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "vendor" not in listed.stdout
    lock = (ROOT / "collector/web/assets/package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert lock.count('"integrity"') > 3
