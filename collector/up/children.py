"""The processes that `campusgauge up` starts, and the promise that none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_S = 10.0
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Child:
    """One running part and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def tail(self) -> str:
        """Return the last lines the part wrote."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


class Children:
    """Starts parts of the system as children and stops them in reverse order.

    Each child leads its own process group: a Ctrl-C in the terminal reaches only the parent, which
    then stops them in order (the agent before the collector it pushes to).
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: list[Child] = []

    def start(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Start `python -m MODULE ARGUMENTS`; its output goes to a fresh log file."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log_file = self._log_dir / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log_file)
        self._running.append(child)
        return child

    def ended(self) -> Child | None:
        """Return a child that ended by itself, if any did."""
        return next((child for child in self._running if child.process.poll() is not None), None)

    def stop(self) -> None:
        """Ask every child to stop, newest first; after `STOP_S` in all, end what is left."""
        deadline_s = time.monotonic() + STOP_S
        while self._running:
            process = self._running.pop().process
            if process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(max(0.5, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
