"""The record store on every database it runs on: the same tests hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.settings import Settings
from collector.storage.sql_records import SqlRecordStore, open_records


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return the URL of an empty database, as the settings hand it to the store."""
    given = None
    if request.param == "postgresql":
        given = request.getfixturevalue("postgresql").new_database()
    return Settings(data=tmp_path, records=given).records_url


@pytest.fixture
def records(records_url: Any) -> Iterator[SqlRecordStore]:
    """Yield an empty record store."""
    store = open_records(records_url, lambda _: None)
    yield store
    store.close()
