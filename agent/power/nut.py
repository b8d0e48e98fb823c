"""Network UPS Tools as a client (RFC 9271): every variable of every power supply of one upsd.

Two commands over TCP; the client libraries there are bring no more than that, and none bounds its
reading. Nothing is set and no LOGIN is sent, which would count this host among those to shut down.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.logins import Login
from agent.power.supply import PowerSupply, is_runtime
from agent.system.deadline import DeadlineSocket, connect, naming_network_trouble
from agent.trouble import TroubleError

_MAX_LINES = 2000
_MAX_LINE_BYTES = 4096
_REASONS = {
    "ACCESS-DENIED": "nut_access_denied",
    "USERNAME-REQUIRED": "nut_access_denied",
    "PASSWORD-REQUIRED": "nut_access_denied",
    "INVALID-USERNAME": "nut_access_denied",
    "INVALID-PASSWORD": "nut_access_denied",
    "UNKNOWN-UPS": "nut_unknown_ups",
    "DRIVER-NOT-CONNECTED": "nut_driver_not_connected",
    "DATA-STALE": "nut_data_stale",
    "FEATURE-NOT-CONFIGURED": "nut_without_tls",
    "FEATURE-NOT-SUPPORTED": "nut_without_tls",
}


class NutConnection:
    """One connection to an upsd until a deadline of `time.monotonic`.

    Raises TroubleError: `nut_…` for the network, and for what upsd refuses.
    """

    def __init__(self, address: str, port: int, deadline_s: float) -> None:
        """Connect."""
        self._buffer = bytearray()
        with naming_network_trouble("nut"):
            self._sock: DeadlineSocket = connect(address, port, deadline_s)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def start_tls(self, server_name: str, ca_file: Path | None) -> None:
        """Encrypt from now on, verifying the certificate."""
        import ssl

        with naming_network_trouble("nut"):
            self._expect("STARTTLS", "OK STARTTLS")
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            try:
                self._sock.start_tls(context, server_name)
            except ssl.SSLError as error:
                raise TroubleError("nut_tls_untrusted", str(error)) from error

    def sign_in(self, login: Login) -> None:
        """Say who asks, for servers that tell nothing to strangers."""
        with naming_network_trouble("nut"):
            for word, value in (("USERNAME", login.user), ("PASSWORD", login.password)):
                self._expect(f"{word} {_quoted(value)}", "OK")

    def names(self) -> list[str]:
        """Return the names of the power supplies that this upsd knows."""
        with naming_network_trouble("nut"):
            return [words[1] for words in self._list("UPS") if len(words) > 1]

    def variables(self, name: str) -> Mapping[str, str]:
        """Return every variable of one power supply."""
        with naming_network_trouble("nut"):
            found = self._list(f"VAR {_quoted(name)}")
            return {words[2]: words[3] for words in found if len(words) == 4}

    def _list(self, what: str) -> Iterator[list[str]]:
        self._send(f"LIST {what}")
        self._begin(self._line())
        for _ in range(_MAX_LINES):
            line = self._line()
            if line.startswith("END LIST "):
                return
            yield _words(line)
        raise TroubleError("nut_no_upsd", "a list without an end")

    def _expect(self, command: str, answer: str) -> None:
        self._send(command)
        line = self._line()
        if line != answer:
            self._begin(line)
            raise TroubleError("nut_no_upsd", line[:60])

    def _begin(self, line: str) -> None:
        """Raise what an ERR line says, or that this is no upsd."""
        kind, _, rest = line.partition(" ")
        if kind == "ERR":
            code = rest.partition(" ")[0]
            raise TroubleError(_REASONS.get(code, "nut_refused"), rest[:100])
        if kind not in {"BEGIN", "OK"}:
            raise TroubleError("nut_no_upsd", repr(line[:60]))

    def _send(self, command: str) -> None:
        self._sock.sendall(f"{command}\n".encode())

    def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise TroubleError("nut_no_upsd", "a line without an end")
            data = self._sock.recv()
            if not data:
                raise TroubleError("nut_no_upsd", "upsd closed the connection")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.decode("utf-8", errors="replace").rstrip("\r")


def _quoted(text: str) -> str:
    if any(character in text for character in "\r\n\0"):
        raise TroubleError("nut_refused", "a name or password with a line break")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def judge_variables(found: Mapping[str, str]) -> PowerSupply:
    """Return what the variables say of the supply (NUT variable names, RFC 9271 §A.1). Pure."""
    status = found.get("ups.status", "").split()
    supply = PowerSupply(tables=["NUT"])
    if "OB" in status:
        supply.on_battery = True
    elif "OL" in status:
        supply.on_battery = False
    charge, load = number(found.get("battery.charge")), number(found.get("ups.load"))
    supply.charge_ratio = charge / 100 if charge is not None and 0 <= charge <= 100 else None
    supply.load_ratio = load / 100 if load is not None and 0 <= load <= 200 else None
    runtime_s = number(found.get("battery.runtime"))
    supply.printed_runtime = runtime_s
    if runtime_s is not None and is_runtime(runtime_s, supply):
        supply.runtime_s = runtime_s
    return supply


def number(text: str | None) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e12 else None


def self_test_day(found: Mapping[str, str]) -> datetime | None:
    """Return the day of the last self-test; None where the text may mean two days."""
    text = found.get("ups.test.date", "").strip()[:10]
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
