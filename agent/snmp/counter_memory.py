"""Keeps the last sample of each uplink from one run to the next, one file per device."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import dacite

from agent.snmp.counters import Sample

_VERSION = 1


class CounterMemory:
    """The samples of one device. Without a folder, or with a damaged file, it knows nothing."""

    def __init__(self, folder: Path | None, device: str) -> None:
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", device)
        self._path = folder / f"counters-{safe}.json" if folder else None

    def load(self) -> dict[str, Sample]:
        """Return uplink -> sample of the last run."""
        if self._path is None:
            return {}
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                str(uplink): dacite.from_dict(Sample, fields)
                for uplink, fields in document["samples"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, dacite.DaciteError):
            return {}

    def save(self, samples: Mapping[str, Sample]) -> None:
        """Write the samples of this run, whole or not at all."""
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        fields = {uplink: asdict(sample) for uplink, sample in samples.items()}
        new.write_text(json.dumps({"version": _VERSION, "samples": fields}), encoding="utf-8")
        new.replace(self._path)
