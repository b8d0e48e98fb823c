"""Opening the record store for a command; other processes may have it open at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.cli.options import read_settings
from collector.cli.output import explain, explained_errors
from collector.storage.ports import RecordStore


@contextmanager
def opened_records(data: Path) -> Iterator[RecordStore]:
    """Yield the record store of a data directory; errors become an explanation and exit code 2."""
    # SQLAlchemy takes a third of a second to import; `--help` should not pay for it.
    from collector.app import make_data_dir
    from collector.storage.sql_records import open_records

    settings = read_settings(data=data)
    with explained_errors():
        make_data_dir(data)
        records = open_records(settings.records_url, explain)
        try:
            yield records
        finally:
            records.close()
