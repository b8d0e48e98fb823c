"""Make the virtual environment that `make run` and `make test` use, and show how far it is.

Standard library only: this runs before anything is installed.

Usage: environment.py VENV EXTRAS STAMP
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

OLDEST_PYTHON = (3, 11)
LOG_LINES_SHOWN_ON_FAILURE = 30
STEP = re.compile(r"^(Collecting|Installing build|Building|Installing collected)\b\s*([\w.\-]*)")
STEP_TEXTS = {
    "Collecting": "下载 fetching",
    "Building": "构建 building",
    "Installing build": "准备构建 preparing",
    "Installing collected": "安装 installing",
}


def main(folder: Path, extras: str, stamp: Path) -> int:
    """Create FOLDER if needed, install this project with EXTRAS into it, then touch STAMP."""
    if sys.version_info < OLDEST_PYTHON:
        need = ".".join(str(part) for part in OLDEST_PYTHON)
        print(f"需要 Python {need} 或更新 · needs Python {need} or later: make PYTHON=python3.12 …")
        return 2
    started = time.monotonic()
    if not (folder / "bin" / "python").exists():
        print(f"[1/2] 创建虚拟环境 · creating the virtual environment {folder}", flush=True)
        venv.create(folder, with_pip=True)
    print(f"[2/2] 安装依赖 · installing campusgauge[{extras}]", flush=True)
    status = install(folder / "bin" / "python", extras)
    if status == 0:
        stamp.touch()
        print(f"就绪 · ready in {time.monotonic() - started:.0f} s", flush=True)
    return status


def install(python: Path, extras: str) -> int:
    """Run pip and show one line a step; on failure show the end of what pip said."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--editable", f".[{extras}]"]
    lines: list[str] = []
    collected = 0
    # Scripts of others are for wheels; pages are complete without them (hatch_build.py).
    environment = {**os.environ, "CAMPUSGAUGE_ASSETS": "off"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line.rstrip())
            step = STEP.match(line)
            if step:
                collected += step[1] == "Collecting"
                show(f"{STEP_TEXTS[step[1]]} {step[2]} ({collected})")
    if sys.stdout.isatty():
        print()
    if pip.returncode:
        print("\n".join(lines[-LOG_LINES_SHOWN_ON_FAILURE:]))
        print("安装失败，以上是最后的输出 · installation failed, see the lines above")
    return pip.returncode


def show(text: str) -> None:
    """Overwrite one line on a terminal; elsewhere print a line, so that logs stay readable."""
    if sys.stdout.isatty():
        print(f"\r\033[K      {text}", end="", flush=True)
    else:
        print(f"      {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
