"""The collector's vocabulary: schools, agents, keys, batches, facts, entries, sheets.

Frozen values without I/O, clock or database. Times are aware and in UTC. `None` means unknown; it
never stands for zero. Who may do what is in `collector.access`, what a store promises in
`collector.storage.ports`.
"""

from collector.domain.audit import Act, AuditFault, AuditHead, AuditRecord, AuditReport, Effect
from collector.domain.identity import Agent, AgentIdentity, EnrolmentCode, Key, Scope
from collector.domain.people import (
    Assignment,
    OneTimeCode,
    Password,
    Person,
    Role,
    Session,
    Token,
    TokenScope,
)
from collector.domain.readings import AgentReading, Batch, Outcome, StoredReading
from collector.domain.rights import ANONYMOUS, Caller, Right, may
from collector.domain.schools import Entry, Fact, School, SchoolKind, Stage
from collector.domain.sheets import StoredSheet
from collector.domain.slots import Occasion, SlotDay, SlotPause, SlotSettings, SlotState, SlotTest
from collector.domain.values import EntryValue, Json

__all__ = [
    "ANONYMOUS",
    "Act",
    "Agent",
    "AgentIdentity",
    "AgentReading",
    "Assignment",
    "AuditFault",
    "AuditHead",
    "AuditRecord",
    "AuditReport",
    "Batch",
    "Caller",
    "Effect",
    "EnrolmentCode",
    "Entry",
    "EntryValue",
    "Fact",
    "Json",
    "Key",
    "Occasion",
    "OneTimeCode",
    "Outcome",
    "Password",
    "Person",
    "Right",
    "Role",
    "School",
    "SchoolKind",
    "Scope",
    "Session",
    "SlotDay",
    "SlotPause",
    "SlotSettings",
    "SlotState",
    "SlotTest",
    "Stage",
    "StoredReading",
    "StoredSheet",
    "Token",
    "TokenScope",
    "may",
]
