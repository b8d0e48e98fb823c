"""Locks out an address that keeps guessing codes. Bounded memory, forgets by itself."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from collector.errors import TooManyError

FREE_FAILURES = 5
FIRST_LOCK_S = 30.0
LONGEST_LOCK_S = 3600.0
ADDRESSES_MAX = 4096


@dataclass(slots=True)
class _Record:
    failures: int = 0
    locked_until_s: float = 0.0


class GuessGuard:
    """Counts failures per address; from the sixth on it locks for 30 s, 60 s … up to an hour.

    `monotonic_s` is the clock. Over `ADDRESSES_MAX` the address that failed longest ago is
    forgotten. An IPv6 address counts as its /64, which one host may own entirely.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._now_s = monotonic_s
        self._lock = threading.Lock()
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def check(self, address: str) -> None:
        """Return if the address may try. Raises TooManyError with the seconds to wait."""
        with self._lock:
            record = self._records.get(_network(address))
            wait_s = record.locked_until_s - self._now_s() if record else 0.0
        if wait_s > 0:
            raise TooManyError(
                "enrolment_locked",
                "这个地址输错注册码的次数太多。请稍后逐字核对再试，或向教育局索取新的。",
                detail_en="Too many wrong codes came from this address. Wait, then check the code "
                "letter by letter, or ask the bureau for a new one.",
                retry_after_s=wait_s,
            )

    def failed(self, address: str) -> None:
        """Note a wrong code."""
        with self._lock:
            name = _network(address)
            record = self._records.setdefault(name, _Record())
            self._records.move_to_end(name)
            record.failures += 1
            over = record.failures - FREE_FAILURES
            if over > 0:
                lock_s = min(FIRST_LOCK_S * 2 ** min(over - 1, 20), LONGEST_LOCK_S)
                record.locked_until_s = self._now_s() + lock_s
            while len(self._records) > ADDRESSES_MAX:
                self._records.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address that knew a code."""
        with self._lock:
            self._records.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
