"""The school's list of devices, and which of them were seen within the last days.

A line a device: a name, then its hardware address, its IPv4 address, or `hmac:` and the digest of
the hardware address under a salt, for a list that must not hold addresses:
`printf 'aa:bb:cc:dd:ee:ff' | openssl dgst -sha256 -hmac "$(cat salt)"`.
A third cell may name the device's room and a fourth its kind, such as `display`.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

DEVICES_MAX = 20_000
_HARDWARE = re.compile(r"[0-9a-f]{2}([:-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}")
_DIGEST = re.compile(r"hmac:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Device:
    """One device. `key` is its address, hardware address or salted digest."""

    name: str
    key: str
    room: str = ""
    kind: str = ""


def read_inventory(path: Path) -> list[Device]:
    """Read the list. Raises ValueError naming the line, OSError."""
    devices: dict[str, Device] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.reader(stream), start=1):
            cells = [cell.strip() for cell in row]
            if not cells or not any(cells) or cells[0].startswith("#"):
                continue
            key = parse_key(cells[1]) if len(cells) > 1 else None
            if key is None:
                raise ValueError(f"{path}:{number}: name, then a hardware or IPv4 address")
            room, kind = [*cells[2:4], "", ""][:2]
            devices[key] = Device(cells[0], key, room, kind)
            if len(devices) > DEVICES_MAX:
                raise ValueError(f"{path}: more than {DEVICES_MAX} devices")
    return list(devices.values())


def parse_key(text: str) -> str | None:
    """Return a device's key in its one spelling, None for what is none."""
    lowered = text.lower()
    if _DIGEST.fullmatch(lowered):
        return lowered
    if _HARDWARE.fullmatch(lowered):
        plain = re.sub(r"[:-]", "", lowered)
        return ":".join(plain[at : at + 2] for at in range(0, 12, 2))
    try:
        return str(ipaddress.IPv4Address(lowered))
    except ValueError:
        return None


def keys_seen(answers: Mapping[str, str], salt: bytes | None) -> set[str]:
    """Return every key under which what answered may be on the list."""
    keys = set(answers)
    for hardware in answers.values():
        if hardware:
            keys.add(hardware)
            if salt is not None:
                digest = hmac.new(salt, hardware.encode("ascii"), hashlib.sha256).hexdigest()
                keys.add(f"hmac:{digest}")
    return keys


class LastSeen:
    """The day on which each device was last seen. The file holds digests, no addresses."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._days: dict[str, date] = {}
        if path is not None and path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))["seen"]
                self._days = {str(k): date.fromisoformat(v) for k, v in found.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                self._days = {}  # a lower bound becomes a lower one; it heals in days

    def note(self, devices: Sequence[Device], keys: set[str], today: date) -> None:
        """Remember those of the list that were seen, and forget what is no longer on it."""
        for device in devices:
            if device.key in keys:
                self._days[_digest(device.key)] = today
        listed = {_digest(device.key) for device in devices}
        self._days = {key: day for key, day in self._days.items() if key in listed}

    def within(self, devices: Sequence[Device], today: date, days: int) -> list[Device]:
        """Return the devices seen on one of the last `days` days, today included."""
        since = today - timedelta(days=days - 1)
        return [one for one in devices if self._days.get(_digest(one.key), date.min) >= since]

    def save(self) -> None:
        """Write the file. Raises OSError."""
        if self._path is None:
            return
        document = {"version": 1, "seen": {key: str(day) for key, day in self._days.items()}}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(document), encoding="utf-8")
        new.replace(self._path)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
