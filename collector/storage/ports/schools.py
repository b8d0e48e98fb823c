"""Schools with what people declared about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from collector.domain import Act, Entry, Fact, Profile, School, Township


class SchoolRecords(Protocol):
    """Schools with what people declared about them. History is kept, nothing is overwritten.

    Where an act may be left out, the program itself acts (`system`).
    """

    def put_school(self, school: School, act: Act | None = None) -> None:
        """Add the school, or update the one with this id; a change is a new profile version."""

    def declare_profile(self, school: School, seen: int, act: Act) -> Profile | None:
        """Add a version of the profile after `seen`, the newest one that its author saw.

        None, and nothing is written, if somebody else added one meanwhile. `school()` gives the
        version with the newest `as_of`.
        """

    def profiles(self, school_id: str) -> Sequence[Profile]:
        """Return every version of a school's profile, newest first."""

    def profile(self, school_id: str, version: int) -> Profile | None:
        """Return one version."""

    def profile_in_force(self, school_id: str, day: date) -> Profile | None:
        """Return the version with the newest `as_of` up to that day; None if all are later."""

    def profile_versions(self) -> Mapping[str, int]:
        """Return the number of the newest version of every school's profile."""

    def school(self, school_id: str) -> School | None:
        """Return the school with this id."""

    def schools(self) -> Sequence[School]:
        """Return all schools, ordered by id."""

    def put_township(self, township: Township, act: Act) -> None:
        """Add a township or group of schools, or update the one with this id."""

    def townships(self) -> Sequence[Township]:
        """Return all townships and groups, ordered by id."""

    def add_fact(self, fact: Fact, act: Act | None = None) -> None:
        """Record a declared value; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def facts(
        self, school_id: str, as_of: date | None = None, upto: int | None = None
    ) -> Mapping[str, Fact]:
        """Return the fact in force per name: newest `as_of`, then newest recorded.

        With `as_of` those declared for a later day do not count, with `upto` those with a higher
        id.
        """

    def facts_of_all(self) -> Mapping[str, Mapping[str, Fact]]:
        """Return the facts in force of every school that declared any."""

    def fact_history(self, school_id: str, name: str) -> Sequence[Fact]:
        """Return every value ever declared under this name, oldest first."""

    def newest_fact(self, school_id: str) -> int:
        """Return the id of the school's newest fact; 0 without any."""

    def add_entry(self, entry: Entry, act: Act | None = None) -> None:
        """Record an entry outside any round; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def entries(self, school_id: str, rubric_id: str) -> Sequence[Entry]:
        """Return the newest entry per item and name."""

    def entry_history(
        self, school_id: str, rubric_id: str, item_id: str, name: str
    ) -> Sequence[Entry]:
        """Return every value ever given here, oldest first."""
