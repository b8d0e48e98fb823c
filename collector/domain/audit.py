"""Who does something, when and why: what every audited change carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Act:
    """One deed of one actor, as it goes into the audit chain.

    `actor` is `person:<id>`, `key:<id>`, `agent:<id>`, `cli:<user of the system>` or `system`;
    `action` a fixed word such as `entry.save`; `why` the actor's own reason; `address` the network
    address it came from, empty on this very host.
    """

    actor: str
    at: datetime
    action: str
    why: str = ""
    address: str = ""


class Effect(StrEnum):
    """What an act did to the row it names."""

    WRITE = "write"
    """The row was added or changed; the record holds the hash of what it became."""
    REMOVE = "remove"
    NONE = "none"
    """It was read by another party, or the act names no row at all."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One link of the chain. `hash` covers this record and the `hash` of the one before."""

    position: int
    at: datetime
    actor: str
    action: str
    why: str
    address: str
    effect: Effect
    table: str | None
    row_key: str | None
    """The row's primary key as a JSON list."""
    row_sha256: bytes | None
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest link: whoever knows it can tell later whether anything before it was changed."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class AuditFault:
    """One place where the records and the chain disagree.

    `kind` is one of `chain_broken`, `chain_cut`, `head_differs`, `row_changed`, `row_missing` and
    `row_unaudited`; `last` is the newest record about that row.
    """

    kind: str
    position: int | None = None
    table: str | None = None
    row_key: str | None = None
    last: AuditRecord | None = None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found: how much was compared, and every fault up to a bound."""

    records: int
    rows: int
    head: AuditHead
    faults: tuple[AuditFault, ...]
    faults_total: int
