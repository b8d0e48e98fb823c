"""The table of known protection software, and what was found of it on a host."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import dacite

from agent.trouble import TroubleError

SHIPPED = Path(__file__).with_name("products.toml")
_LINUX_NAME_MAX = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product; the fields are described at the head of `products.toml`."""

    name: str
    units: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    signature_files: tuple[str, ...] = ()
    signature_date: Literal["clamav_header", "modified"] = "modified"

    def runs(
        self,
        *,
        units: Iterable[str] = (),
        processes: Iterable[str] = (),
        services: Iterable[str] = (),
    ) -> bool:
        """Whether one of its units, processes or services is among those that run."""
        cut = tuple(name[:_LINUX_NAME_MAX] for name in self.processes)
        return (
            _any_fits(units, self.units)
            or _any_fits(processes, (*self.processes, *cut))
            or _any_fits(services, self.services)
        )


@dataclass(frozen=True, slots=True)
class ProductTable:
    """The products, and the systems that are free by their licence."""

    products: tuple[Product, ...] = ()
    free_systems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundProduct:
    """One product on this host. What is not known is None.

    `is_fresh` is what the system itself says of the signatures, where it tells no age.
    """

    name: str
    is_running: bool
    signatures_age_days: float | None = None
    is_fresh: bool | None = None


@dataclass(frozen=True, slots=True)
class HostProtection:
    """What a host tells. `machine` is `pc`, `server` or `unknown`.

    `is_complete` says that the system lists every product, so that none listed means none there.
    """

    products: tuple[FoundProduct, ...]
    is_complete: bool
    machine: str
    is_licensed: bool | None
    system: str


def load_products(own_file: Path | None = None) -> ProductTable:
    """Return the shipped table, a school's own entries first.

    Raises TroubleError `protection_table_wrong` that names the file.
    """
    shipped = _load(SHIPPED)
    if own_file is None:
        return shipped
    own = _load(own_file)
    return ProductTable(
        (*own.products, *shipped.products), (*own.free_systems, *shipped.free_systems)
    )


def _load(path: Path) -> ProductTable:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return dacite.from_dict(ProductTable, document, dacite.Config(cast=[tuple], strict=True))
    except (OSError, ValueError, dacite.DaciteError) as error:
        raise TroubleError("protection_table_wrong", f"{path}: {error}") from error


def _any_fits(names: Iterable[str], patterns: tuple[str, ...]) -> bool:
    lowered = [pattern.lower() for pattern in patterns]
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in lowered)
