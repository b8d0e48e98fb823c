"""Asks the collector that `campusgauge up` started, as any other viewer on this host would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

ASK_S = 30.0
_POLL_S = 0.2


class LocalApi:
    """The read API of a collector on a loopback address."""

    def __init__(self, address: str) -> None:
        self._client = httpx2.Client(base_url=address, timeout=ASK_S, trust_env=False)

    def wait_until_healthy(self, limit_s: float, still_running: Callable[[], bool]) -> bool:
        """Return whether /healthz said yes within `limit_s`; stops early if the part ended."""
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s and still_running():
            try:
                if self._client.get("/healthz").status_code == httpx2.codes.OK:
                    return True
            except httpx2.TransportError:
                pass
            time.sleep(_POLL_S)
        return False

    def probes_reported(self, school_id: str, since: str) -> set[str]:
        """Return the probes of which a reading since `since` (ISO 8601, UTC) has arrived."""
        answer = self._client.get(f"/api/v1/schools/{school_id}/readings", params={"limit": 500})
        answer.raise_for_status()
        return {row["probe"] for row in answer.json()["readings"] if row["time"] >= since}

    def sheet(self, school_id: str, rubric_id: str) -> Mapping[str, Any]:
        """Return the score sheet, computed from what the collector holds now."""
        answer = self._client.get(f"/api/v1/schools/{school_id}/sheets/{rubric_id}")
        answer.raise_for_status()
        sheet: Mapping[str, Any] = answer.json()
        return sheet

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
