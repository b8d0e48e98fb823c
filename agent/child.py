"""Runs a heavy probe in a short-lived process with limits on time, memory and output.

The child is `python -m agent probe NAME`, which prints one reading per line as JSON. It is the
leader of its own process group, so that whatever it started goes with it, and it ends by itself
when the agent dies, because its standard input then closes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from agent.settings import Settings

_ERROR_BYTES = 4096
_POLL_S = 0.1


class Ending(StrEnum):
    """How a child came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    FLOODED = "flooded"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ChildResult:
    """What a child left: its output up to the limit, and the tail of its error stream."""

    ending: Ending
    exit_code: int | None
    output: bytes
    errors: str


class _Reader(threading.Thread):
    """Collects a pipe: the first `keep_first` bytes, or else the last `_ERROR_BYTES`."""

    def __init__(self, pipe: IO[bytes], keep_first: int | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._limit = keep_first
        self.content = bytearray()
        self.overflowed = threading.Event()

    def run(self) -> None:
        while chunk := os.read(self._pipe.fileno(), 65536):
            if self._limit is None:
                self.content = (self.content + chunk)[-_ERROR_BYTES:]
            else:
                room = self._limit - len(self.content)
                self.content += chunk[:room]
                if len(chunk) > room:
                    self.overflowed.set()


def run_child(
    command: Sequence[str], *, timeout_s: float, output_bytes: int, stop: threading.Event
) -> ChildResult:
    """Run `command` until it ends, or is ended by time, output or `stop`.

    Raises OSError if it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and fixed arguments
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=sys.platform != "win32",
    )
    with process:
        if process.stdout is None or process.stderr is None or process.stdin is None:
            raise OSError("a child without pipes")
        output = _Reader(process.stdout, output_bytes)
        errors = _Reader(process.stderr, None)
        output.start()
        errors.start()
        ending = _wait(process, output, timeout_s, stop)
        _end_group(process)
        exit_code = process.wait()
        output.join(timeout=5)
        errors.join(timeout=5)
        return ChildResult(
            ending,
            exit_code if ending is Ending.EXITED else None,
            bytes(output.content),
            errors.content.decode(errors="replace"),
        )


def _wait(
    process: subprocess.Popen[bytes], output: _Reader, timeout_s: float, stop: threading.Event
) -> Ending:
    for _ in range(max(1, round(timeout_s / _POLL_S))):
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            if output.overflowed.is_set():
                return Ending.FLOODED
            if stop.is_set():
                return Ending.STOPPED
            continue
        return Ending.FLOODED if output.overflowed.is_set() else Ending.EXITED
    return Ending.TIMED_OUT


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started; nothing happens where they are gone already."""
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def limit_own_memory(memory_bytes: int) -> bool:
    """Bound what this process can write to; True where the system can do that.

    RLIMIT_DATA, not RLIMIT_AS: since Linux 4.7 it counts private writable memory, and not the
    address space that libraries, thread arenas and maps of files merely reserve.
    """
    if sys.platform != "linux":
        return False
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    return True


def end_with_parent() -> None:
    """End this process when its standard input closes, that is when the agent is gone."""

    def wait_for_end() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would break the interpreter's own end
            pass
        os._exit(3)

    threading.Thread(target=wait_for_end, daemon=True).start()


def child_command(
    probe: str,
    state_dir: Path | None,
    config_file: Path | None,
    settings: Settings,
    *,
    planned: bool = False,
) -> list[str]:
    """Return the command that runs one probe in a child of this interpreter.

    `planned` tells the child that the schedule wants it, and not a person.
    """
    command = [sys.executable, "-P", "-m", "agent", "probe", probe, "--as-child"]
    command += ["--memory-bytes", str(settings.children.memory_bytes)]
    command += ["--planned"] if planned else []
    command += ["--state", str(state_dir)] if state_dir else []
    command += ["--config", str(config_file)] if config_file else []
    return command
