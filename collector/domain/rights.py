"""Who may do what: one table of rights per role, and one pure function that reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from collector.domain.people import Assignment, Person, Role, TokenScope


class Right(StrEnum):
    """What a route may ask of its caller."""

    SCHOOL_READ = "school.read"
    SCHOOL_EDIT = "school.edit"
    PROFILE_DECLARE = "profile.declare"
    ROUND_READ = "round.read"
    ROUND_MANAGE = "round.manage"
    CASE_READ = "case.read"
    ENTRY_SAVE = "entry.save"
    EVIDENCE_READ = "evidence.read"
    EVIDENCE_ADD = "evidence.add"
    FLAG_NOTE = "flag.note"
    CASE_SUBMIT = "case.submit"
    CASE_SIGN = "case.sign"
    CASE_RETURN = "case.return"
    CASE_ACCEPT = "case.accept"
    REVIEW_SCORE = "review.score"
    OVERRIDE = "override"
    APPEAL_FILE = "appeal.file"
    APPEAL_HANDLE = "appeal.handle"
    APPEAL_DECIDE = "appeal.decide"
    PUBLISH = "publish"
    PEOPLE_MANAGE = "people.manage"
    AUDIT_READ = "audit.read"
    AGENT_MANAGE = "agent.manage"
    SLOT_READ = "slot.read"
    SLOT_MANAGE = "slot.manage"
    SHEET_READ = "sheet.read"
    """Sheets computed now. Published ones are for everybody with ROUND_READ."""
    COUNTY_READ = "county.read"
    OWN_ACCOUNT = "own.account"
    """One's own session, password and tokens."""


_R = Right
_LOOKING = frozenset({_R.SCHOOL_READ, _R.SHEET_READ, _R.SLOT_READ})
_FILLING = _LOOKING | {
    _R.PROFILE_DECLARE,
    _R.CASE_READ,
    _R.ENTRY_SAVE,
    _R.EVIDENCE_READ,
    _R.EVIDENCE_ADD,
    _R.FLAG_NOTE,
    _R.CASE_SUBMIT,
}
_JUDGING = _LOOKING | {
    _R.CASE_READ,
    _R.EVIDENCE_READ,
    _R.EVIDENCE_ADD,
    _R.FLAG_NOTE,
    _R.CASE_RETURN,
    _R.CASE_ACCEPT,
    _R.REVIEW_SCORE,
    _R.OVERRIDE,
    _R.APPEAL_HANDLE,
    _R.APPEAL_DECIDE,
    _R.SLOT_MANAGE,
}
_EVERYONE = frozenset({_R.ROUND_READ, _R.OWN_ACCOUNT})
_COUNTY_LOOKING = _LOOKING | {_R.COUNTY_READ, _R.ROUND_READ}
_SCHOOLS_ALONE = frozenset({_R.CASE_SIGN, _R.CASE_SUBMIT, _R.APPEAL_FILE})
"""Acts by which a school answers for itself; the bureau cannot do them in its name."""
_PERSON_ALONE = frozenset({_R.PEOPLE_MANAGE, _R.OWN_ACCOUNT})
"""Never through a token: whoever steals one must not make more of them."""

ANYWHERE: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right) - _SCHOOLS_ALONE,
    Role.INSPECTOR: _EVERYONE,
    Role.EDITOR: _EVERYONE,
    Role.HEADMASTER: _EVERYONE,
    Role.VIEWER: _EVERYONE,
}
"""Rights at every school, and on addresses that name none."""

AT_OWN_SCHOOLS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(),
    Role.INSPECTOR: _JUDGING,
    Role.EDITOR: _FILLING,
    Role.HEADMASTER: _FILLING | {_R.CASE_SIGN, _R.APPEAL_FILE},
    Role.VIEWER: _LOOKING | {_R.CASE_READ},
}
"""Rights at the schools a person belongs or is assigned to."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, with what it may do. `actor` is what the audit chain says."""

    actor: str
    name: str
    anywhere: frozenset[Right] = frozenset()
    at_schools: frozenset[Right] = frozenset()
    schools: frozenset[tuple[str, str | None]] = frozenset()
    """School and round; None stands for every round."""
    person: Person | None = None

    @property
    def school_ids(self) -> frozenset[str]:
        """The caller's own schools."""
        return frozenset(school_id for school_id, _ in self.schools)


ANONYMOUS = Caller("anonymous", "")
LOCAL_VIEWER = Caller("local", "", anywhere=_COUNTY_LOOKING)
"""Somebody at a collector that listens on loopback alone: looks, and sees no case or evidence."""
READ_KEY_RIGHTS = _COUNTY_LOOKING
BUREAU_KEY_RIGHTS = frozenset({_R.SLOT_MANAGE})


def may(
    caller: Caller, right: Right, school_id: str | None = None, round_id: str | None = None
) -> bool:
    """Say whether the caller has this right at this school in this round.

    Without a school only a right that holds everywhere counts. An assignment for one round holds
    for addresses of that round alone.
    """
    if right in caller.anywhere:
        return True
    if right not in caller.at_schools or school_id is None:
        return False
    return (school_id, None) in caller.schools or (
        round_id is not None and (school_id, round_id) in caller.schools
    )


def person_caller(person: Person, assignments: Iterable[Assignment] = ()) -> Caller:
    """Return the caller that a signed-in person is."""
    anywhere = ANYWHERE[person.role]
    if person.role is Role.VIEWER and person.school_id is None:
        anywhere |= _COUNTY_LOOKING
    schools = {(a.school_id, a.round_id) for a in assignments if a.person_id == person.id}
    if person.school_id is not None:
        schools.add((person.school_id, None))
    return Caller(
        actor=f"person:{person.id}",
        name=person.display_name or person.name,
        anywhere=anywhere,
        at_schools=AT_OWN_SCHOOLS[person.role],
        schools=frozenset(schools),
        person=person,
    )


def token_caller(caller: Caller, token_id: str, scope: TokenScope) -> Caller:
    """Return the part of its owner's rights that a token carries."""
    kept = frozenset(Right) - _PERSON_ALONE
    if scope is TokenScope.READ:
        kept = frozenset(right for right in kept if right.endswith(".read"))
    return Caller(
        actor=f"{caller.actor}/token:{token_id}",
        name=caller.name,
        anywhere=caller.anywhere & kept,
        at_schools=caller.at_schools & kept,
        schools=caller.schools,
        person=caller.person,
    )
