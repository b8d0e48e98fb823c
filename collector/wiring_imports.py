"""Wires imports: the page and the command line get the same service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from collector.imports.facts import known_facts
from collector.imports.service import ImportService
from collector.people.accounts import prepare_person
from collector.scoring.calendar import CHINA
from collector.storage.ports import RecordStore
from rubrics.indicators import load_indicators
from rubrics.model import Rubric


def import_service(
    records: RecordStore, rubrics: Mapping[str, Rubric], clock: Callable[[], datetime]
) -> ImportService:
    """Return the service over a record store; facts are those that the rubrics ask for."""
    known = known_facts(rubrics.values(), load_indicators().values())
    return ImportService(records, known, prepare_person, clock, CHINA)
