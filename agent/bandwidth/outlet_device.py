"""The outlet port's counters on another device, over SNMP (IF-MIB, 64 bits where it has them)."""

from __future__ import annotations

import asyncio

from agent.bandwidth.link_counters import LinkCount
from agent.snmp.client import Oid, SnmpClient, SnmpError
from agent.snmp.counters import sample_objects, sample_of
from agent.snmp.credentials import load_credentials
from agent.snmp.interfaces import read_ports
from agent.snmp.settings import AskSettings, Device


class DeviceCounters:
    """`port` of `device`, which faces the provider: what it receives is the school's download."""

    poll_s = 0.02
    watch_s = 6.5
    """Twice and a bit what Net-SNMP and many switches wait before they count anew."""

    def __init__(self, device: Device, port: str, settings: AskSettings) -> None:
        self._device = device
        self._port = port
        self._settings = settings
        self._runner = asyncio.Runner()
        self._client: SnmpClient | None = None
        self._index = 0
        self._objects: list[Oid] = []

    def read(self) -> LinkCount:
        """Ask the device. Raises OSError with what SNMP said."""
        try:
            return self._runner.run(self._read())
        except SnmpError as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Release the socket and the event loop."""
        if self._client is not None:
            self._client.close()
        self._runner.close()

    async def _read(self) -> LinkCount:
        client = self._client or await self._open()
        sample = sample_of(await client.get(self._objects), self._index, at_s=0.0, up_ticks=None)
        if sample is None:
            raise SnmpError("wan_counters_missing", self._port)
        return LinkCount(sample.in_octets, sample.out_octets)

    async def _open(self) -> SnmpClient:
        from agent.snmp.pysnmp_client import open_client  # imports pysnmp

        credential = load_credentials(self._settings).get(self._device.credential)
        if credential is None:
            raise SnmpError("snmp_credential_missing", f"[{self._device.credential}]")
        self._client = await open_client(self._device, credential, self._settings)
        ports = (await read_ports(self._client)).values()
        found = next((port for port in ports if port.answers_to(self._port)), None)
        if found is None:
            raise SnmpError("wan_interface_missing", self._port)
        self._index, self._objects = found.index, sample_objects(found.index)
        return self._client
