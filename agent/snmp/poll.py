"""Asks several devices side by side and turns what goes wrong into readings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

from agent.probes.base import Context, ProbeError
from agent.reading import Outcome, Reading
from agent.snmp.client import Oid, SnmpClient, SnmpError, dotted, oid, text
from agent.snmp.credentials import load_credentials
from agent.snmp.settings import NO_DEVICE, AskSettings, Credential, Device

AT_ONCE = 8
"""Devices asked at the same time: a silent one costs its own time-out and nobody else's."""
_SYSTEM = oid("1.3.6.1.2.1.1")
DESCRIPTION, OBJECT_ID, UP_TIME, NAME = ((*_SYSTEM, n, 0) for n in (1, 2, 3, 5))

DeviceT = TypeVar("DeviceT", bound=Device)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class System:
    """Who a device says it is (SNMPv2-MIB, RFC 3418)."""

    description: str
    object_id: Oid
    name: str


@dataclass(frozen=True, slots=True)
class Polled:
    """What one device gave: `readings`, or the `trouble` that kept them."""

    device: Device
    readings: Sequence[Reading]
    trouble: SnmpError | None = None


Work = Callable[[DeviceT, SnmpClient], Awaitable[Sequence[Reading]]]


async def read_system(client: SnmpClient) -> System:
    """Return who the device is. Raises SnmpError `snmp_no_system` where it does not tell."""
    found = await client.get([DESCRIPTION, OBJECT_ID, NAME])
    if not found:
        raise SnmpError("snmp_no_system", "neither sysDescr nor sysObjectID is there")
    object_id = found.get(OBJECT_ID)
    return System(
        description=text(found.get(DESCRIPTION))[:200],
        object_id=object_id if isinstance(object_id, tuple) else (),
        name=text(found.get(NAME)),
    )


def poll(
    probe: str,
    settings: AskSettings,
    devices: Sequence[DeviceT],
    context: Context,
    work: Work[DeviceT],
) -> Iterator[Reading]:
    """Run `work` for every device and yield its readings, or one failed reading that says why.

    Raises ProbeError where no device is named, pysnmp is not there, or the credentials
    cannot be used.
    """
    if not devices:
        raise ProbeError(NO_DEVICE, f"[probes.{probe}] devices", outcome=Outcome.SKIPPED)
    if find_spec("pysnmp") is None:
        raise ProbeError("snmp_not_installed")
    try:
        credentials = load_credentials(settings)
    except SnmpError as error:
        raise ProbeError(error.reason, error.detail) from error

    async def ask_all() -> list[Polled]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(device: DeviceT) -> Polled:
            credential = credentials.get(device.credential)
            if credential is None:
                missing = SnmpError("snmp_credential_missing", f"[{device.credential}]")
                return Polled(device, (), missing)
            async with gate:
                return await _ask(device, credential, settings, work)

        return list(await asyncio.gather(*map(ask, devices)))

    for polled in asyncio.run(ask_all()):
        yield from polled.readings
        if polled.trouble is not None:
            yield _failure(probe, polled.device, polled.trouble, context)


async def _ask(
    device: DeviceT, credential: Credential, settings: AskSettings, work: Work[DeviceT]
) -> Polled:
    from agent.snmp.pysnmp_client import open_client  # imports pysnmp: only where a device is

    try:
        client = await open_client(device, credential, settings)
        try:
            return Polled(device, await work(device, client))
        finally:
            client.close()
    except SnmpError as error:
        return Polled(device, (), error)


def _failure(probe: str, device: Device, error: SnmpError, context: Context) -> Reading:
    return Reading(
        probe=probe,
        target=device.name,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=error.reason,
        labels={"device": device.name},
        details={"address": device.address, "port": device.port, "detail": error.detail[:300]},
    )


def identity(system: System) -> dict[str, str]:
    """Return who the device is, as evidence in a reading's details."""
    return {
        "system_name": system.name,
        "system_description": system.description,
        "system_object_id": dotted(system.object_id),
    }
