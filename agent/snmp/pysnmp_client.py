"""The client on pysnmp: v1arch for versions 1 and 2c, v3arch for version 3.

pysnmp is the maintained implementation in pure Python that runs wherever an agent does. It is
imported here and nowhere else. MIB look-up stays off: it would load and compile modules to tell
names that the probes do not want.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pyasn1.type.univ import Integer, ObjectIdentifier, OctetString
from pysnmp.error import PySnmpError
from pysnmp.proto import errind
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from agent.snmp.client import MAX_ROWS, Column, Oid, SnmpError, Value
from agent.snmp.settings import AskSettings, Credential, Device

GET_AT_ONCE = 20
"""Objects in one request: their answer fits an Ethernet frame."""
VALUES_AT_ONCE = 100
"""Values asked for in one bulk request, over all columns."""
_TOO_BIG, _NO_SUCH_NAME, _GENERAL_ERROR = 1, 2, 5
_REFUSED = frozenset({6, 16})
_ABSENT = (NoSuchObject, NoSuchInstance, EndOfMibView)
_INDICATIONS: tuple[tuple[type[Exception], str], ...] = (
    (errind.RequestTimedOut, "snmp_no_answer"),
    (errind.UnknownUserName, "snmp_user_unknown"),
    (errind.WrongDigest, "snmp_auth_failed"),
    (errind.AuthenticationError, "snmp_auth_failed"),
    (errind.AuthenticationFailure, "snmp_auth_failed"),
    (errind.UnsupportedSecurityLevel, "snmp_level_refused"),
    (errind.DecryptionError, "snmp_privacy_failed"),
    (errind.NotInTimeWindow, "snmp_clock_refused"),
)

Send = Callable[..., Awaitable[Any]]
"""Objects -> error indication, error status, error index, objects."""


async def open_client(
    device: Device, credential: Credential, settings: AskSettings
) -> PysnmpClient:
    """Return a client for the device. Raises SnmpError `snmp_address_unknown`; sends nothing."""
    address = await _address(device)
    opener = _open_v3 if credential.version == "3" else _open_community
    try:
        return await opener(device, address, credential, settings)
    except PySnmpError as error:
        raise SnmpError(
            "snmp_address_unknown", f"{device.address}: {type(error).__name__}"
        ) from None


async def _address(device: Device) -> tuple[int, tuple[str, int]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            device.address, device.port, type=socket.SOCK_DGRAM
        )
    except OSError as error:
        raise SnmpError("snmp_address_unknown", f"{device.address}: {error.strerror}") from error
    family, _, _, _, where = found[0]
    return family, (str(where[0]), int(where[1]))


async def _open_community(
    device: Device, address: tuple[int, tuple[str, int]], credential: Credential, how: AskSettings
) -> PysnmpClient:
    from pysnmp.hlapi.v1arch import asyncio as v1

    del device
    target = v1.Udp6TransportTarget if address[0] == socket.AF_INET6 else v1.UdpTransportTarget
    where = await target.create(address[1], timeout=how.answer_within_s, retries=how.retries)
    dispatcher = v1.SnmpDispatcher()
    data = v1.CommunityData(credential.community, mpModel=0 if credential.version == "1" else 1)

    async def get(*var_binds: Any) -> Any:
        return await v1.get_cmd(dispatcher, data, where, *var_binds, lookupMib=False)

    async def more(rows: int, *var_binds: Any) -> Any:
        if credential.version == "1":
            return await v1.next_cmd(dispatcher, data, where, *var_binds, lookupMib=False)
        return await v1.bulk_cmd(dispatcher, data, where, 0, rows, *var_binds, lookupMib=False)

    return PysnmpClient(get, more, dispatcher.close, how)


async def _open_v3(
    device: Device, address: tuple[int, tuple[str, int]], credential: Credential, how: AskSettings
) -> PysnmpClient:
    from pysnmp.hlapi.v3arch import asyncio as v3

    auth = {
        "MD5": v3.usmHMACMD5AuthProtocol,
        "SHA": v3.usmHMACSHAAuthProtocol,
        "SHA224": v3.usmHMAC128SHA224AuthProtocol,
        "SHA256": v3.usmHMAC192SHA256AuthProtocol,
        "SHA384": v3.usmHMAC256SHA384AuthProtocol,
        "SHA512": v3.usmHMAC384SHA512AuthProtocol,
    }
    privacy = {
        "DES": v3.usmDESPrivProtocol,
        "AES": v3.usmAesCfb128Protocol,
        "AES192": v3.usmAesCfb192Protocol,
        "AES256": v3.usmAesCfb256Protocol,
    }
    target = v3.Udp6TransportTarget if address[0] == socket.AF_INET6 else v3.UdpTransportTarget
    where = await target.create(address[1], timeout=how.answer_within_s, retries=how.retries)
    engine = v3.SnmpEngine()
    user = v3.UsmUserData(
        credential.user,
        authKey=credential.auth_key or None,
        privKey=credential.privacy_key or None,
        authProtocol=auth[credential.auth_protocol]
        if credential.auth_key
        else v3.usmNoAuthProtocol,
        privProtocol=(
            privacy[credential.privacy_protocol] if credential.privacy_key else v3.usmNoPrivProtocol
        ),
    )
    context = v3.ContextData(contextName=device.context.encode())

    async def get(*var_binds: Any) -> Any:
        return await v3.get_cmd(engine, user, where, context, *var_binds, lookupMib=False)

    async def more(rows: int, *var_binds: Any) -> Any:
        return await v3.bulk_cmd(engine, user, where, context, 0, rows, *var_binds, lookupMib=False)

    return PysnmpClient(get, more, engine.close_dispatcher, how)


class PysnmpClient:
    """See `agent.snmp.client.SnmpClient`."""

    def __init__(
        self, get: Send, more: Send, close: Callable[[], None], settings: AskSettings
    ) -> None:
        self._get = get
        self._more = more
        self._close = close
        self._rows = settings.rows_per_request

    def close(self) -> None:
        """Release the socket."""
        self._close()

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """Return the objects that the device has. Raises SnmpError."""
        found: dict[Oid, Value] = {}
        for start in range(0, len(oids), GET_AT_ONCE):
            found |= await self._get_some(list(oids[start : start + GET_AT_ONCE]))
        return found

    async def _get_some(self, oids: list[Oid]) -> dict[Oid, Value]:
        found: dict[Oid, Value] = {}
        while oids:
            status, index, var_binds = await _exchange(self._get, oids)
            if status == 0:
                for name, value in var_binds:
                    if (plain := _plain(value)) is not None:
                        found[tuple(name)] = plain
                return found
            if status == _TOO_BIG and len(oids) > 1:
                half = len(oids) // 2
                return await self._get_some(oids[:half]) | await self._get_some(oids[half:])
            if status not in (_NO_SUCH_NAME, _GENERAL_ERROR) or not 0 < index <= len(oids):
                raise _refusal(status)
            # Version 1 refuses the whole request for one missing object and says which; some
            # agents of version 2c do so with genErr for an object they cannot read just now.
            del oids[index - 1]
        return found

    async def bulk_columns(self, columns: Sequence[Oid]) -> Mapping[Oid, Column]:
        """Return whole columns of one table. Raises SnmpError."""
        found: dict[Oid, dict[Oid, Value]] = {column: {} for column in columns}
        cursors = {column: column for column in columns}
        rows = max(1, min(self._rows, VALUES_AT_ONCE // max(1, len(columns))))
        while cursors:
            asked = list(cursors)
            status, _, var_binds = await _exchange(
                lambda *names: self._more(rows, *names),  # noqa: B023 - called before rows changes
                [cursors[column] for column in asked],
            )
            if status == _NO_SUCH_NAME:  # version 1: a column ended, but which?
                if len(asked) == 1:
                    break
                for column in asked:
                    cursors.pop(column)
                    rest = await self._one_column(column, found[column])
                    found[column].update(rest)
                break
            if status == _TOO_BIG and rows > 1:
                rows //= 2
                continue
            if status != 0:
                raise _refusal(status)
            if not var_binds:
                raise SnmpError("snmp_malformed", "an empty answer to a bulk request")
            _take(asked, var_binds, found, cursors)
        return found

    async def _one_column(self, column: Oid, known: Mapping[Oid, Value]) -> Mapping[Oid, Value]:
        """Read on in one column after what is `known` (version 1)."""
        rest: dict[Oid, Value] = {}
        cursor = column + max(known, default=())
        while len(rest) < MAX_ROWS:
            status, _, var_binds = await _exchange(lambda *names: self._more(1, *names), [cursor])
            if status == _NO_SUCH_NAME or not var_binds:
                break
            if status != 0:
                raise _refusal(status)
            name, value = tuple(var_binds[0][0]), _plain(var_binds[0][1])
            if name[: len(column)] != column or name <= cursor or value is None:
                break
            rest[name[len(column) :]] = value
            cursor = name
        return rest


def _take(
    asked: Sequence[Oid],
    var_binds: Sequence[Any],
    found: Mapping[Oid, dict[Oid, Value]],
    cursors: dict[Oid, Oid],
) -> None:
    """Sort one answer into its columns; drop the cursors of columns that ended.

    Some agents keep their rows in an order of their own, so an earlier object is taken as well; one
    that comes twice would be asked for for ever, and ends its column.
    """
    for position, (name, value) in enumerate(var_binds):
        column = asked[position % len(asked)]
        if column not in cursors:
            continue
        where, plain = tuple(name), _plain(value)
        row = where[len(column) :]
        inside = where[: len(column)] == column and row not in found[column] and bool(row)
        if plain is None or not inside or len(found[column]) >= MAX_ROWS:
            del cursors[column]
            continue
        found[column][row] = plain
        cursors[column] = where


async def _exchange(send: Send, oids: Sequence[Oid]) -> tuple[int, int, Sequence[Any]]:
    """Send one request and return (error status, error index, objects). Raises SnmpError."""
    from pysnmp.proto.rfc1902 import Null, ObjectName

    try:
        indication, status, index, var_binds = await send(
            *[(ObjectName(name), Null("")) for name in oids]
        )
    except (PySnmpError, OSError, ValueError) as error:
        raise SnmpError("snmp_malformed", type(error).__name__) from error
    if indication:
        raise _trouble(indication)
    return int(status), int(index), var_binds


def _trouble(indication: object) -> SnmpError:
    for kind, reason in _INDICATIONS:
        if isinstance(indication, kind):
            return SnmpError(reason)
    return SnmpError("snmp_malformed", str(indication)[:200])


def _refusal(status: int) -> SnmpError:
    if status in _REFUSED:
        return SnmpError("snmp_refused", f"error-status {status}")
    return SnmpError("snmp_error_answer", f"error-status {status}")


def _plain(value: Any) -> Value | None:
    """Return a Python value; None for "no such object" and the end of the tree."""
    if isinstance(value, _ABSENT):
        return None
    if isinstance(value, Integer):
        return int(value)
    if isinstance(value, ObjectIdentifier):
        return tuple(value)
    if isinstance(value, OctetString):
        return bytes(value)
    return None
