"""The record store on every database it runs on: the same tests hold for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.settings import RECORDS_FILE, Settings
from collector.storage.sql_records import SqlRecordStore, open_records


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return the URL of an empty database, as the settings hand it to the store."""
    given = None
    if request.param == "postgresql":
        given = request.getfixturevalue("postgresql").new_database()
    return Settings(data=tmp_path, records=given).records_url


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a migrated, empty database to copy."""
    url: str = postgresql.new_database()
    settings = Settings(data=tmp_path_factory.mktemp("unused"), records=url)
    open_records(settings.records_url, lambda _: None).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Any:
    """Return the URL of an empty database that needs no migration."""
    given = None
    if request.param == "postgresql":
        like = request.getfixturevalue("migrated_postgresql")
        given = request.getfixturevalue("postgresql").new_database(like)
    else:
        shutil.copyfile(migrated, tmp_path / RECORDS_FILE)
    return Settings(data=tmp_path, records=given).records_url


@pytest.fixture
def records(migrated_url: Any) -> Iterator[SqlRecordStore]:
    """Yield an empty record store."""
    store = open_records(migrated_url, lambda _: None)
    yield store
    store.close()
