"""Opening the record store for a command; other processes may have it open at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.cli.options import read_settings
from collector.cli.output import explain, explained_errors, wrong_use
from collector.data_dir import make_data_dir
from collector.storage.ports import RecordStore


@contextmanager
def opened_records(data: Path, *, new: bool = False) -> Iterator[RecordStore]:
    """Yield the record store of a data directory; errors become an explanation and exit code 2.

    Only `new` makes a directory: a misspelt path would otherwise become an empty county.
    """
    if not new and not data.is_dir():
        raise wrong_use(
            f"{data}: 没有这个数据目录 no such data directory；核对 --data，或先登记学校 "
            "check --data, or begin with: campusgauge school add"
        )
    # SQLAlchemy takes a third of a second to import; `--help` should not pay for it.
    from collector.storage.sql_records import open_records

    settings = read_settings(data=data)
    with explained_errors():
        make_data_dir(data)
        records = open_records(settings.records_url, explain)
        try:
            yield records
        finally:
            records.close()
