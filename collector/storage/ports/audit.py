"""The audit chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from collector.domain import Act, AuditHead, AuditRecord, AuditReport


class AuditRecords(Protocol):
    """What was done to the records, by whom and why: appended to, never changed.

    Every method of the store that changes a tracked row appends its record in the same
    transaction, so neither can be there without the other.
    """

    def append_act(self, act: Act, table: str | None = None, row_key: str | None = None) -> None:
        """Record an act that changed nothing: a read by another party, a sign-in."""

    def audit_head(self) -> AuditHead:
        """Return the newest link; position 0 while nothing was ever recorded."""

    def audit_records(self, after: int = 0, limit: int = 100) -> Sequence[AuditRecord]:
        """Return records above a position, oldest first."""

    def all_audit_records(self) -> Iterator[AuditRecord]:
        """Yield every record, oldest first, in one consistent view."""

    def verify_audit(
        self, expected: AuditHead | None, progress: Callable[[str, int, int], None]
    ) -> AuditReport:
        """Compute the chain again and compare every tracked row with its newest record.

        `expected` is a head that was noted earlier: cutting the chain below it is found too.
        `progress` gets what is being compared, how much is done, and of how much.
        """
