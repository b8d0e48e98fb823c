"""Reads the tables of `vendors/`: where each manufacturer keeps what, as data.

A school with a device that is in none of them puts its own file into the folder that the setting
`vendor_folder` names; files there come first.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import dacite

from agent.snmp.client import Oid, SnmpError, oid

SHIPPED = Path(__file__).with_name("vendors")


class VendorTable(Protocol):
    """What every table has: a title, and the sysObjectIDs that point to it."""

    @property
    def title(self) -> str:
        """The manufacturer or family."""

    @property
    def system_object_ids(self) -> tuple[str, ...]:
        """Beginnings of sysObjectID."""


TableT = TypeVar("TableT", bound=VendorTable)


def load_tables(
    table_type: type[TableT], kind: str, own_folder: Path | None = None
) -> list[TableT]:
    """Return the tables of one kind of device, a folder's own first.

    Raises SnmpError `snmp_vendor_table_wrong` that names the file.
    """
    shipped = sorted((SHIPPED / kind).glob("*.toml"))
    own = sorted(own_folder.glob("*.toml")) if own_folder else []
    return [_load(table_type, path) for path in [*own, *shipped]]


def _load(table_type: type[TableT], path: Path) -> TableT:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        config = dacite.Config(cast=[tuple], strict=True)
        return dacite.from_dict(table_type, document, config)
    except (OSError, ValueError, dacite.DaciteError) as error:
        raise SnmpError("snmp_vendor_table_wrong", f"{path}: {error}") from error


def by_likelihood(tables: Sequence[TableT], object_id: Oid) -> list[TableT]:
    """Order tables: those whose sysObjectID fits first, the longest fit before all.

    The others follow, since devices keep an identity of a maker whose tables they do not have.
    """

    def fit(table: TableT) -> int:
        starts = [oid(text) for text in table.system_object_ids]
        return max((len(s) for s in starts if object_id[: len(s)] == s), default=0)

    return sorted(tables, key=fit, reverse=True)
