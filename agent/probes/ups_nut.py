"""Probe `ups_nut`: how long the uninterruptible power supplies last, by Network UPS Tools.

What: one reading per power supply behind an upsd: estimated backup time, charge, load, mains or
battery, the last self-test, and the longest time it was seen to run on battery.

Rights: access to upsd over TCP (often only listed hosts); none on the host.

Settings: `servers`, each with `name`, `address`, `port`, `ups` (empty: all that upsd knows),
`credential` (empty: none is sent), `tls`; `credentials_file` as in `cameras`, `ca_file`,
`answer_within_s`.

Metrics: see `UpsNut.metrics`. The target is `<server>/<ups>`. `runtime_hours` is only reported of a
charged battery on mains.

What makes it invalid: an estimate spelled 0 on mains, -1 or all ones is unknown. The estimate is at
the present load and tends to be high; `longest_discharge_hours` is what was seen. A supply that
asks for a new battery says so (`ups_replace_battery`), one on bypass protects nothing
(`ups_on_bypass`).

Evidence kept: status words, maker, model, battery and test dates, the estimate as printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.power.supply import METRICS, reason_of, values_of
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.logins import Login
    from agent.power.nut import NutConnection

SECONDS_A_DAY = 86_400.0
_KEPT = (
    "ups.status",
    "device.mfr",
    "device.model",
    "battery.runtime",
    "battery.date",
    "battery.mfr.date",
    "battery.type",
    "ups.realpower.nominal",
    "ups.test.date",
    "ups.test.result",
    "driver.name",
)


@dataclass(frozen=True, kw_only=True)
class NutServer:
    """One upsd; see the module's text."""

    name: str
    address: str
    port: int = 3493
    ups: str = ""
    credential: str = ""
    tls: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.address:
            raise ValueError("a server needs a name and an address")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be between 1 and 65535, not {self.port}")
        if self.credential and not self.tls and not self.address.startswith("127."):
            raise ValueError(f"server {self.name!r}: a credential needs tls = true")


@dataclass(frozen=True, kw_only=True)
class UpsNutSettings:
    """See the module's text."""

    servers: tuple[NutServer, ...] = ()
    credentials_file: Path | None = None
    ca_file: Path | None = None
    answer_within_s: float = 5.0

    def __post_init__(self) -> None:
        names = [server.name for server in self.servers]
        if len(set(names)) != len(names):
            raise ValueError("every server needs a name of its own")
        if len(names) > 50:
            raise ValueError("at most 50 servers")
        if not 0.5 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 0.5 and 30")


class UpsNut(Probe[UpsNutSettings]):
    """State of each power supply behind each upsd."""

    name = "ups_nut"
    title = "不间断电源（NUT）"
    interval_s = 300.0
    timeout_s = 250.0
    cost = Cost.HEAVY
    settings_type = UpsNutSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        *METRICS,
        Metric("self_test_age_days", "d", "Days since the last self-test"),
    )

    def idle_reason(self, settings: UpsNutSettings) -> str | None:
        """Without a server there is nothing to ask."""
        return None if settings.servers else "nut_no_server"

    def collect(self, settings: UpsNutSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per power supply, or one for a server that does not tell.

        Raises ProbeError `nut_no_server`, or what is wrong with the file of logins.
        """
        from agent.logins import load_logins
        from agent.power.discharge import with_discharges

        if not settings.servers:
            raise ProbeError("nut_no_server", outcome=Outcome.SKIPPED)
        try:
            logins = load_logins(settings.credentials_file)
        except TroubleError as error:
            raise ProbeError(error.reason, error.detail) from error
        found = [
            reading
            for server in settings.servers
            for reading in _ask(server, logins.get(server.credential), settings, context)
        ]
        yield from with_discharges(found, context)


def _ask(
    server: NutServer, login: Login | None, settings: UpsNutSettings, context: Context
) -> Iterator[Reading]:
    target = server.name
    try:
        connection = _open(server, login, settings)
        try:
            names = [server.ups] if server.ups else connection.names()
            if not names:
                raise TroubleError("nut_unknown_ups", "upsd knows no power supply")
            for name in names:
                target = f"{server.name}/{name}"
                try:
                    yield report(target, connection.variables(name), context)
                except TroubleError as error:
                    # One supply whose cable is out must not hide the others.
                    if not error.reason.startswith(("nut_unknown", "nut_driver", "nut_data")):
                        raise
                    yield _failure(server, target, error, context)
        finally:
            connection.close()
    except TroubleError as error:
        yield _failure(server, target, error, context)


def _open(server: NutServer, login: Login | None, settings: UpsNutSettings) -> NutConnection:
    from agent.power.nut import NutConnection

    if server.credential and login is None:
        raise TroubleError("nut_access_denied", f"no [{server.credential}] in the logins")
    deadline_s = time.monotonic() + settings.answer_within_s
    connection = NutConnection(server.address, server.port, deadline_s)
    try:
        if server.tls:
            connection.start_tls(server.address, settings.ca_file)
        if login is not None:
            connection.sign_in(login)
    except TroubleError:
        connection.close()
        raise
    return connection


def report(target: str, found: Mapping[str, str], context: Context) -> Reading:
    """Return the reading of one power supply. Pure but for the clock."""
    from agent.power.nut import judge_variables, self_test_day

    supply = judge_variables(found)
    values = values_of(supply)
    tested = self_test_day(found)
    if tested is not None and tested <= context.now():
        values["self_test_age_days"] = (context.now() - tested).total_seconds() / SECONDS_A_DAY
    status = found.get("ups.status", "").split()
    reason = reason_of(supply)
    if "RB" in status:
        reason = "ups_replace_battery"
    elif "BYPASS" in status:
        reason = "ups_on_bypass"
    return Reading(
        probe=UpsNut.name,
        target=target,
        time=context.now(),
        outcome=Outcome.OK if values else Outcome.FAILED,
        reason=reason,
        values=values,
        labels={"device": target},
        details={name: found[name][:120] for name in _KEPT if name in found},
    )


def _failure(server: NutServer, target: str, error: TroubleError, context: Context) -> Reading:
    return Reading(
        probe=UpsNut.name,
        target=target,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=error.reason,
        labels={"device": target},
        details={"address": server.address, "port": server.port, "detail": error.detail},
    )
