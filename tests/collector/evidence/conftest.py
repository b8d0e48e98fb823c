"""People with tokens, and the official rubrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from collector.access import make_key
from collector.domain import Act, Assignment, Person, Role, Token, TokenScope
from rubrics.loader import official_rubrics


@pytest.fixture
def people(start_county: Callable[..., Any]) -> Any:
    """Return a county on a public address, with a token of each kind of person in `keys`."""
    county = start_county(host="192.0.2.10", rubrics=official_rubrics())
    now, records = county.clock(), county.records
    act = Act("system", now, "test")
    for name, role, school_id in (
        ("admin", Role.ADMIN, None),
        ("inspector", Role.INSPECTOR, None),
        ("editor", Role.EDITOR, "zx-001"),
        ("neighbour", Role.EDITOR, "zx-002"),
    ):
        records.add_person(Person(name, name, name, role, now, school_id, None), None, act)
        key = make_key("cgt")
        ends = now + timedelta(days=1)
        records.add_token(
            Token(key.id, name, name, TokenScope.WRITE, key.secret_sha256, now, ends), act
        )
        county.keys[name] = key.text
    records.set_assignments("inspector", [Assignment("inspector", "zx-001")], act)
    return county
