"""One line on a terminal that follows a running measurement."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from agent.bandwidth.charts import bars
from agent.bandwidth.estimator import rates_bytes_s
from agent.bandwidth.slices import Slice

DRAW_S = 0.1
MAX_COLUMNS = 40
TEXT_COLUMNS = 40
"""What the name, the rate and the time take."""
NAMES = {"download": "↓ 下行 download", "upload": "↑ 上行 upload  "}


class LiveLine:
    """Draws on `out` (standard error); silent where that is no terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._drawn_at = 0.0

    def begin(self, server: str) -> None:
        """Say what is being done before anything moves."""
        if self._is_terminal:
            self._out.write(f"连接测速服务器 connecting  {server} …")
            self._out.flush()

    def show(self, direction: str, slices: list[Slice]) -> None:
        """Redraw at most ten times a second."""
        now = time.monotonic()
        if not self._is_terminal or now - self._drawn_at < DRAW_S or len(slices) < 2:
            return
        self._drawn_at = now
        columns = min(MAX_COLUMNS, shutil.get_terminal_size().columns - TEXT_COLUMNS)
        elapsed_s = slices[-1].t_s - slices[0].t_s
        rates = rates_bytes_s(slices, max(elapsed_s / MAX_COLUMNS, 0.02))
        current_mbps = rates[-1] * 8e-6 if rates else 0.0
        self._out.write(
            f"\r\x1b[K{NAMES[direction]} {current_mbps:8.1f} Mbit/s {elapsed_s:5.1f} s  "
            f"{bars(rates, columns)}"
        )
        self._out.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._is_terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()
