"""Probe `protection_software`: whether this computer is protected, and its system activated (Q21).

What: twice a day, which known product runs and how old its signatures are; and whether the system
is activated, or free by its licence.

Rights: none. Linux: units by their control groups, processes where they are not hidden, the date
that ClamAV's files carry. Windows: one PowerShell command that any user may run.

Settings: `fresh_days`; `machine` (`pc`, `server`; empty: as the system says, by the chassis on
Linux), since only PCs count; `products_file`, own products in the form of
`agent/protection/products.toml`; `answer_within_s` of PowerShell.

Metrics: see `ProtectionSoftware.metrics`. Targets: `protection` and `licence`.

What makes it invalid: on Linux, and on a Windows server, a product that no table lists is not seen:
`protected` is then 0 as a lower bound (`product_not_listed`). A product whose signatures tell no
age leaves `protected` out (`protection_signatures_unknown`). Activation says nothing of how the key
was come by. A virtual machine counts once `machine` is set.

Evidence kept: names of the products that run, age of their signatures, name of the system.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from agent.probes.base import (
    Context,
    Cost,
    Metric,
    Probe,
    ProbeError,
    require_supported_system,
)
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.protection.products import FoundProduct, HostProtection


@dataclass(frozen=True, kw_only=True)
class ProtectionSoftwareSettings:
    """See the module's text."""

    fresh_days: float = 7.0
    machine: Literal["", "pc", "server"] = ""
    products_file: Path | None = None
    answer_within_s: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.fresh_days <= 90:
            raise ValueError("fresh_days must be between 1 and 90")
        if not 5 <= self.answer_within_s <= 240:
            raise ValueError("answer_within_s must be between 5 and 240")


class ProtectionSoftware(Probe[ProtectionSoftwareSettings]):
    """Protection software and activation of this host."""

    name = "protection_software"
    title = "防护软件与系统激活"
    interval_s = 43_200.0
    timeout_s = 270.0
    cost = Cost.HEAVY
    settings_type = ProtectionSoftwareSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("protected", "bool", "Whether a product runs with fresh signatures: 1 yes, 0 no"),
        Metric("protection_running", "bool", "Whether a known product runs: 1 yes, 0 no"),
        Metric("signatures_age_days", "d", "Age of the newest signatures of what runs"),
        Metric("system_licensed", "bool", "Whether the system is activated, or free: 1 yes, 0 no"),
    )

    def __init__(self, system: str = sys.platform, root: Path = Path("/")) -> None:
        self._system = system
        self._root = root

    def collect(self, settings: ProtectionSoftwareSettings, context: Context) -> Iterable[Reading]:
        """Yield two readings. Raises ProbeError where the system cannot be asked."""
        require_supported_system(self._system)
        try:
            found = self._look(settings, context)
        except TroubleError as error:
            raise ProbeError(error.reason, error.detail, target="protection") from error
        machine = settings.machine or found.machine
        details: dict[str, Json] = {"system": found.system}
        blank = Reading(
            ProtectionSoftware.name, "", context.now(), Outcome.OK, labels={"machine": machine}
        )
        yield judge_protection(replace(blank, details=details), found, settings.fresh_days)
        yield judge_licence(replace(blank, details=details), found)

    def _look(self, settings: ProtectionSoftwareSettings, context: Context) -> HostProtection:
        from agent.protection.products import load_products

        table = load_products(settings.products_file)
        if self._system == "win32":
            from agent.protection.windows import ask_windows, read_windows

            return read_windows(ask_windows(settings.answer_within_s), table)
        from agent.protection.linux import read_linux

        return read_linux(table, self._root, context.proc_root, context.sys_root, context.now())


def judge_protection(blank: Reading, found: HostProtection, fresh_days: float) -> Reading:
    """Return the reading of the protection software. Pure."""
    running = [one for one in found.products if one.is_running]
    fresh = [_is_fresh(one, fresh_days) for one in running]
    ages = [one.signatures_age_days for one in running if one.signatures_age_days is not None]
    values = {"protection_running": float(bool(running))}
    if ages:
        values["signatures_age_days"] = min(ages)
    reason, limit = None, None
    if not running:
        limit = None if found.is_complete else "product_not_listed"
        reason = limit or "protection_not_running"
        values["protected"] = 0.0
    elif True in fresh:
        values["protected"] = 1.0
    elif None in fresh:
        reason, limit = "protection_signatures_unknown", "signatures_unknown"
    else:
        reason = "protection_signatures_old"
        values["protected"] = 0.0
    products: list[Json] = [one.name for one in found.products]
    on: list[Json] = [one.name for one in running]
    return replace(
        blank,
        target="protection",
        outcome=Outcome.LIMITED if limit else Outcome.OK,
        reason=reason,
        values=values,
        limited_by=(limit,) if limit else (),
        details={**blank.details, "running": on, "products": products},
    )


def _is_fresh(one: FoundProduct, fresh_days: float) -> bool | None:
    if one.signatures_age_days is not None:
        return one.signatures_age_days <= fresh_days
    return one.is_fresh


def judge_licence(blank: Reading, found: HostProtection) -> Reading:
    """Return the reading of the system's activation. Pure."""
    if found.is_licensed is None:
        return replace(
            blank, target="licence", outcome=Outcome.FAILED, reason="activation_unreadable"
        )
    return replace(
        blank,
        target="licence",
        reason=None if found.is_licensed else "system_not_activated",
        values={"system_licensed": float(found.is_licensed)},
    )
