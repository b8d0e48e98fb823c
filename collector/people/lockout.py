"""Slows down guessing: failures in a row block an account and an address, longer each time."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.errors import TooManyError
from collector.storage.ports import PeopleRecords

FIRST_BLOCK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, and how long a block gets at most."""

    free: int
    longest: timedelta


# Short for an account, because anybody can make its owner wait; a school's people may share an
# address, so that has more free tries.
ACCOUNT = Limit(5, timedelta(minutes=15))
ADDRESS = Limit(20, timedelta(hours=1))


class Lockout:
    """Counts failures in the records, so that all collectors of a county count together."""

    def __init__(self, records: PeopleRecords, clock: Callable[[], datetime]) -> None:
        self._records = records
        self._clock = clock

    def check(self, name: str, address: str) -> None:
        """Return if a try is allowed. Raises TooManyError with the time to wait."""
        now = self._clock()
        for subject in (_account(name), _network(address)):
            until = self._records.blocked_until(subject, now)
            if until is not None:
                raise TooManyError(
                    "sign_in_blocked",
                    "失败次数过多，请稍候再试。忘记密码请找管理员重设。",
                    detail_en="Too many failures; wait, or ask the admin to reset the password.",
                    retry_after_s=(until - now).total_seconds(),
                )

    def failed(self, name: str, address: str) -> bool:
        """Count a failure; True if the account or the address is blocked from now on."""
        blocked = [
            self._count(_account(name), ACCOUNT),
            self._count(_network(address), ADDRESS),
        ]
        return any(blocked)

    def _count(self, subject: str, limit: Limit) -> bool:
        now = self._clock()
        over = self._records.note_failure(subject, now) - limit.free
        if over <= 0:
            return False
        block = min(FIRST_BLOCK * 2 ** min(over - 1, 20), limit.longest)
        self._records.block(subject, now + block)
        return True

    def succeeded(self, name: str) -> None:
        """Forget the account's failures; the address still has to answer for other accounts."""
        self._records.forget_failures(_account(name))


def _account(name: str) -> str:
    return f"account:{name.casefold()[:200]}"


def _network(address: str) -> str:
    """Return the address, of IPv6 its /64, which one host may own entirely."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"
