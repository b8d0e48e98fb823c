"""What earlier tests found out about each uplink: whose turn it is, and how full its line is.

One small JSON file; a damaged one is as good as none. It holds no evidence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.bandwidth.host import read_meters

WATCH_S = 1.0


class Uplinks:
    """Known uplinks by name. `path` None remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = self._read()

    def longest_waiting(self, configured: Mapping[str, str]) -> str:
        """Return the uplink whose last test is longest ago, never tested ones first."""
        return min(configured, key=lambda name: self._known.get(name, {}).get("tested_at_s", 0.0))

    def note(
        self, uplink: str, now_s: float, download_bytes_s: float | None, interface: str | None
    ) -> None:
        """Remember a test, also one that failed; writing may fail silently."""
        line = {**self._known.get(uplink, {}), "tested_at_s": now_s}
        if download_bytes_s and interface:
            line |= {"download_bytes_s": download_bytes_s, "interface": interface}
        self._known[uplink] = line
        if self._path is None:
            return
        try:
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps({"version": 1, "uplinks": self._known}))
            temporary.replace(self._path)
        except OSError:
            return

    def used_ratio(
        self,
        uplink: str,
        monotonic: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> float | None:
        """Return the share of the line that this host's traffic uses now, None if unknown.

        On a gateway that is all traffic of the school, elsewhere a lower bound of it. Watches the
        interface's counter for a second.
        """
        line = self._known.get(uplink, {})
        rate, interface = line.get("download_bytes_s"), line.get("interface")
        if not rate or not interface:
            return None
        before = read_meters(monotonic(), interface)
        sleep(WATCH_S)
        after = read_meters(monotonic(), interface)
        if before.received_bytes is None or after.received_bytes is None:
            return None
        elapsed_s = max(after.at_s - before.at_s, 1e-3)
        return float((after.received_bytes - before.received_bytes) / elapsed_s / rate)

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        try:
            known = json.loads(self._path.read_text())["uplinks"]
            return {
                str(name): {
                    key: (str(value) if key == "interface" else float(value))
                    for key, value in line.items()
                }
                for name, line in known.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
