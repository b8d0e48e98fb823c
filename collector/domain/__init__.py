"""The collector's vocabulary: schools, agents, keys, batches, facts, entries, sheets.

Frozen values without I/O, clock or database. Times are aware and in UTC. `None` means unknown; it
never stands for zero. Who may do what is in `collector.access`, what a store promises in
`collector.storage.ports`.
"""

from collector.domain.audit import Act, AuditFault, AuditHead, AuditRecord, AuditReport, Effect
from collector.domain.cases import (
    Appeal,
    AppealOutcome,
    AppealState,
    Case,
    CaseChange,
    CaseEntry,
    CaseInputs,
    CaseKey,
    CaseState,
    CaseVersion,
    Clash,
    Document,
    Override,
    Side,
    Signature,
    StageMark,
)
from collector.domain.evidence import Evidence, EvidenceKind, FlagNote, Support
from collector.domain.identity import (
    Agent,
    AgentIdentity,
    EnrolmentCode,
    Key,
    QuarantinedBatch,
    Scope,
)
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
from collector.domain.publications import Publication
from collector.domain.readings import AgentReading, Batch, Outcome, StoredReading
from collector.domain.rights import ANONYMOUS, Caller, Right, may
from collector.domain.rounds import Deadlines, Hours, PinnedRubric, Round, RoundCalendar, RoundState
from collector.domain.schools import (
    Entry,
    Fact,
    Profile,
    School,
    SchoolForm,
    SchoolKind,
    Setting,
    Stage,
    Township,
)
from collector.domain.sheets import StoredSheet
from collector.domain.slots import Occasion, SlotDay, SlotPause, SlotSettings, SlotState, SlotTest
from collector.domain.summaries import STANDING, IndicatorVerdict, Summary
from collector.domain.values import EntryValue, Json

__all__ = [
    "ANONYMOUS",
    "STANDING",
    "Act",
    "Agent",
    "AgentIdentity",
    "AgentReading",
    "Appeal",
    "AppealOutcome",
    "AppealState",
    "Assignment",
    "AuditFault",
    "AuditHead",
    "AuditRecord",
    "AuditReport",
    "Batch",
    "Caller",
    "Case",
    "CaseChange",
    "CaseEntry",
    "CaseInputs",
    "CaseKey",
    "CaseState",
    "CaseVersion",
    "Clash",
    "Deadlines",
    "Document",
    "Effect",
    "EnrolmentCode",
    "Entry",
    "EntryValue",
    "Evidence",
    "EvidenceKind",
    "Fact",
    "FlagNote",
    "Hours",
    "IndicatorVerdict",
    "Json",
    "Key",
    "Occasion",
    "OneTimeCode",
    "Outcome",
    "Override",
    "Password",
    "Person",
    "PinnedRubric",
    "Profile",
    "Publication",
    "QuarantinedBatch",
    "Right",
    "Role",
    "Round",
    "RoundCalendar",
    "RoundState",
    "School",
    "SchoolForm",
    "SchoolKind",
    "Scope",
    "Session",
    "Setting",
    "Side",
    "Signature",
    "SlotDay",
    "SlotPause",
    "SlotSettings",
    "SlotState",
    "SlotTest",
    "Stage",
    "StageMark",
    "StoredReading",
    "StoredSheet",
    "Summary",
    "Support",
    "Token",
    "TokenScope",
    "Township",
    "may",
]
