"""Schools with what people declared about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.domain import Entry, Fact, School


class SchoolRecords(Protocol):
    """Schools with what people declared about them. History is kept, nothing is overwritten."""

    def put_school(self, school: School) -> None:
        """Add the school, or update the one with this id."""

    def school(self, school_id: str) -> School | None:
        """Return the school with this id."""

    def schools(self) -> Sequence[School]:
        """Return all schools, ordered by id."""

    def add_fact(self, fact: Fact) -> None:
        """Record a declared value; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def facts(self, school_id: str) -> Mapping[str, Fact]:
        """Return the fact in force per name: newest `as_of`, then newest recorded."""

    def fact_history(self, school_id: str, name: str) -> Sequence[Fact]:
        """Return every value ever declared under this name, oldest first."""

    def add_entry(self, entry: Entry) -> None:
        """Record an entry; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def entries(self, school_id: str, rubric_id: str) -> Sequence[Entry]:
        """Return the newest entry per item and name."""

    def entry_history(
        self, school_id: str, rubric_id: str, item_id: str, name: str
    ) -> Sequence[Entry]:
        """Return every value ever given here, oldest first."""
