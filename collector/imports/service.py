"""Imports from upload to commit: the file is kept, compared anew at each look, written at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.domain import Act, ImportFile, ImportKind, OneTimeCode, Person, Role
from collector.errors import ConflictError, NotFoundError, UnprocessableError
from collector.imports.people_rows import StoredPeople, plan_people
from collector.imports.plan import NewCode, Plan
from collector.imports.refusals import refused
from collector.imports.school_reading import StoredSchools
from collector.imports.school_rows import plan_schools
from collector.imports.tables import read_tables
from collector.imports.templates import template
from collector.storage.ports import ImportRecords, PeopleRecords, SchoolRecords
from rubrics.model.rubric import FigureSpec

WAITS = timedelta(days=7)
"""A file that nobody commits is dropped after that long."""
NAME_CHARACTERS_MAX = 200
PEOPLE_PER_QUERY = 500
LIST_MAX = 50

PreparePerson = Callable[[str, str, Role, str | None, datetime], tuple[Person, OneTimeCode, str]]


class Records(SchoolRecords, PeopleRecords, ImportRecords, Protocol):
    """What imports read and write of the record store."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did. `codes` are shown this once: the store knows their hashes alone."""

    file: ImportFile
    codes: tuple[NewCode, ...]


class ImportService:
    """Imports lists of schools and people. Safe to share between threads."""

    def __init__(
        self,
        records: Records,
        known_facts: Mapping[str, FigureSpec],
        prepare_person: PreparePerson,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._records = records
        self._known_facts = known_facts
        self._prepare_person = prepare_person
        self._clock = clock
        self._zone = zone

    @property
    def today(self) -> date:
        """The local day."""
        return self._clock().astimezone(self._zone).date()

    def template(self, kind: ImportKind) -> bytes:
        """Return a csv file to fill in."""
        return template(kind, self._known_facts)

    def receive(
        self, kind: ImportKind, name: str, content: bytes, as_of: date, act: Act
    ) -> ImportFile:
        """Keep a file that can be read; the same file on the same terms is the same import.

        `as_of` is the day for which its numbers hold where a row names none. Raises the errors of
        `read_tables`, and UnprocessableError for a table without usable heads or rows.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        terms = f"{kind.value}\n{as_of.isoformat()}\n{sha256}"
        file = ImportFile(
            hashlib.sha256(terms.encode()).hexdigest(),
            kind,
            name[-NAME_CHARACTERS_MAX:] or kind.value,
            sha256,
            len(content),
            as_of,
            act.actor,
            act.at,
        )
        if not self._plan(file, content, act).rows:
            raise refused(UnprocessableError, "import_empty")
        self._records.add_import(file, content, act.at - WAITS, act)
        return self.file(kind, file.id)

    def file(self, kind: ImportKind, import_id: str) -> ImportFile:
        """Return a file of this kind. Raises NotFoundError."""
        found = self._records.import_file(import_id)
        if found is None or found.kind is not kind:
            raise refused(NotFoundError, "import_unknown")
        return found

    def recent(self) -> Sequence[ImportFile]:
        """Return the newest files, newest first."""
        return self._records.imports(LIST_MAX)

    def plan(self, file: ImportFile, act: Act) -> Plan:
        """Return what the file would do now. Raises NotFoundError if it was dropped meanwhile."""
        content = self._records.import_content(file.id)
        if content is None:
            raise refused(NotFoundError, "import_unknown")
        return self._plan(file, content, act)

    def commit(
        self, kind: ImportKind, import_id: str, seen: str, act: Act, *, skip_errors: bool
    ) -> Committed:
        """Write what was seen, all at once; committing again changes nothing.

        `seen` is the digest of the plan that was looked at. Raises NotFoundError,
        UnprocessableError where rows have errors and are not to be skipped, and ConflictError if
        what is stored changed since.
        """
        file = self.file(kind, import_id)
        if file.committed_at is not None:
            return Committed(file, ())
        plan = self.plan(file, act)
        if plan.counts["error"] and not skip_errors:
            raise refused(UnprocessableError, "import_has_errors")
        done = replace(file, committed_by=act.actor, committed_at=act.at, counts=dict(plan.counts))
        if plan.digest != seen or not self._records.apply_import(done, plan.change, act):
            again = self.file(kind, import_id)
            if again.committed_at is not None:
                return Committed(again, ())
            raise refused(ConflictError, "import_changed_meanwhile")
        return Committed(done, plan.codes)

    def discard(self, kind: ImportKind, import_id: str, act: Act) -> None:
        """Drop a file that waits. Raises NotFoundError if it is not there or was committed."""
        self.file(kind, import_id)
        if not self._records.drop_import(import_id, act):
            raise refused(NotFoundError, "import_unknown")

    def _plan(self, file: ImportFile, content: bytes, act: Act) -> Plan:
        tables = read_tables(content)
        if file.kind is ImportKind.PEOPLE:

            def prepare(
                name: str, shown: str, role: Role, school_id: str | None
            ) -> tuple[Person, OneTimeCode, str]:
                return self._prepare_person(name, shown, role, school_id, act.at)

            return plan_people(tables, self._stored_people(), prepare)
        return plan_schools(tables, self._stored_schools(), file.as_of, self.today, act)

    def _stored_schools(self) -> StoredSchools:
        records = self._records
        return StoredSchools(
            {school.id: school for school in records.schools()},
            records.profile_versions(),
            records.townships(),
            records.facts_of_all(),
            self._known_facts,
        )

    def _stored_people(self) -> StoredPeople:
        records, people = self._records, list[Person]()
        while page := records.people(people[-1].name if people else "", PEOPLE_PER_QUERY):
            people += page
        inspectors = (one for one in people if one.role is Role.INSPECTOR)
        assigned = {
            one.id: frozenset(
                each.school_id for each in records.assignments(one.id) if each.round_id is None
            )
            for one in inspectors
        }
        return StoredPeople(
            {one.name.casefold(): one for one in people}, assigned, records.schools()
        )
