"""What can stand between this host and the bureau, looked at one thing after the other.

Each finding is good, bad or a note. A step that hangs on an earlier one is left out when that is
bad, so that the first bad line names the cause.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from agent.collector_client import NO_ANSWER, Answer, CollectorClient
from agent.connection_trouble import OTHER, trouble_code
from agent.identity import CLOCK_TOLERANCE_S, FILE_NAME
from agent.probes.anchors import AnchorKind
from agent.probes.base import CollectorAccess
from agent.reading import Outcome, Reading
from agent.settings import ProbePlan, Settings
from agent.snmp.settings import AskSettings

CERTIFICATE_WARNING_DAYS = 21
FREE_BYTES_WANTED = 1 << 30
TakeReadings = Callable[[Sequence[ProbePlan]], Sequence[Reading]]
TITLES = {
    "identity": "登记 / enrolment",
    "proxy": "代理 / proxy",
    "dns": "域名 / name",
    "tcp": "连接 / connection",
    "tls": "证书 / certificate",
    "http": "采集服务 / collector",
    "key": "密钥 / key",
    "clock": "时钟 / clock",
    "state_dir": "状态目录 / state folder",
    "key_mode": "密钥文件权限 / mode of the key file",
    "disk": "磁盘空间 / disk space",
    "icmp": "ICMP 套接字 / ICMP sockets",
    "raw_sockets": "原始套接字 / raw sockets",
    "snmp": "网络设备 / SNMP devices",
}


class State(StrEnum):
    """How a check ended."""

    GOOD = "good"
    BAD = "bad"
    NOTE = "note"
    """Worth knowing, or not needed as this host is set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `reason` is a code of `rubrics/reasons.yaml`; None: there is nothing to do."""

    check: str
    state: State
    reason: str | None = None
    detail: str = ""

    @property
    def title(self) -> str:
        """What was looked at, for people."""
        return TITLES[self.check]


def check_collector(
    access: CollectorAccess, proxy_variable: str | None, timeout_s: float
) -> Iterator[Finding]:
    """Yield what was found on the way to the collector, up to the first thing that is bad."""
    if proxy_variable is not None:
        yield Finding("proxy", State.NOTE, "proxy_not_used", proxy_variable)
    parts = urlsplit(access.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield Finding("http", State.BAD, "collector_bad_address", access.url)
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = sorted({str(entry[4][0]) for entry in found})
        yield Finding("dns", State.GOOD, detail=f"{parts.hostname} → {', '.join(addresses)}")
        with socket.create_connection((parts.hostname, port), timeout_s) as sock:
            yield Finding("tcp", State.GOOD, detail=f"{sock.getpeername()[0]}:{port}")
            if parts.scheme == "https":
                yield _certificate(sock, parts.hostname, access.ca_file)
            else:
                yield Finding("tls", State.NOTE, "collector_without_tls")
    except OSError as error:
        reason = trouble_code(error)
        check = {"collector_name_unknown": "dns"}.get(reason, "tcp")
        tls = reason.startswith(("collector_tls", "collector_ca"))
        detail = f"{type(error).__name__}: {error}"
        yield Finding("tls" if tls else check, State.BAD, reason, detail)
        return
    yield from _answers(access, timeout_s)


def _certificate(sock: socket.socket, host: str, ca_file: Path | None) -> Finding:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    with context.wrap_socket(sock, server_hostname=host) as secure:
        certificate = secure.getpeercert() or {}
        version = secure.version()
    ends_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = int((ends_s - time.time()) // 86400)
    detail = f"{version}, {datetime.fromtimestamp(ends_s, UTC):%Y-%m-%d}（{days} 天 / days）"
    if days < CERTIFICATE_WARNING_DAYS:
        return Finding("tls", State.NOTE, "collector_tls_ends_soon", detail)
    return Finding("tls", State.GOOD, detail=detail)


def _answers(access: CollectorAccess, timeout_s: float) -> Iterator[Finding]:
    client = CollectorClient(access, timeout_s=timeout_s)
    try:
        health = client.get("/healthz")
        asked = client.get("/api/v1/agent/settings") if access.key else None
    finally:
        client.close()
    if health.status == NO_ANSWER:
        reason = trouble_code(health.cause) if health.cause else OTHER
        yield Finding("http", State.BAD, reason, health.error)
        return
    if not health.problem():
        detail = f"HTTP {health.status}"
        yield Finding("http", State.BAD, "collector_not_a_collector", detail)
        return
    busy = health.status != 200
    yield Finding(
        "http",
        State.NOTE if busy else State.GOOD,
        "push_server_busy" if busy else None,
        f"HTTP {health.status}",
    )
    yield from _clock(health)
    if asked is not None:
        yield _key(asked)


def _key(answer: Answer) -> Finding:
    if answer.status == 200:
        if answer.problem().get("quarantined") is True:
            return Finding("key", State.BAD, "push_quarantined")
        return Finding("key", State.GOOD, detail=str(answer.json()["school"]["name"]))
    codes = {"key_revoked": "push_key_revoked", "key_superseded": "push_key_superseded"}
    code = codes.get(str(answer.problem().get("code")), "push_key_refused")
    return Finding("key", State.BAD, code, f"HTTP {answer.status}")


def _clock(answer: Answer) -> Iterator[Finding]:
    """Compare with the collector's Date header, which is good to a second."""
    text = answer.headers.get("date")
    if text is None:
        return
    try:
        ahead_s = (datetime.now(UTC) - parsedate_to_datetime(text)).total_seconds()
    except (ValueError, TypeError):
        return
    wrong = abs(ahead_s) > CLOCK_TOLERANCE_S
    state = State.BAD if wrong else State.GOOD
    yield Finding("clock", state, "host_clock_off" if wrong else None, f"{ahead_s:+.0f} s")


def check_host(state_dir: Path, settings: Settings, take: TakeReadings) -> Iterator[Finding]:
    """Yield what was found on this very host; `take` runs probes and returns their readings."""
    yield _state_dir(state_dir)
    if (state_dir / FILE_NAME).exists():
        yield _key_mode(state_dir / FILE_NAME)
    if state_dir.is_dir():
        free = shutil.disk_usage(state_dir).free
        wanted = max(settings.spool.max_bytes, FREE_BYTES_WANTED)
        short = free < wanted
        detail = f"{free / 1e9:.1f} GB"
        reason = "doctor_disk_short" if short else None
        yield Finding("disk", State.BAD if short else State.GOOD, reason, detail)
    anchors = settings.probes["anchors"].own.anchors
    pings = any(anchor.kind is AnchorKind.ICMP for anchor in anchors)
    yield _socket(
        "icmp", "icmp_not_permitted", needed=pings, kinds=(socket.SOCK_DGRAM, socket.SOCK_RAW)
    )
    yield _socket("raw_sockets", "doctor_no_raw_sockets", needed=False, kinds=(socket.SOCK_RAW,))
    yield from _devices(settings, take)


def _state_dir(state_dir: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=state_dir, prefix="doctor-"):
            return Finding("state_dir", State.GOOD, detail=str(state_dir))
    except OSError as error:
        detail = f"{state_dir}: {error.strerror}"
        return Finding("state_dir", State.BAD, "doctor_state_dir", detail)


def _key_mode(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if sys.platform == "win32":  # the folder's access list guards it there
        return Finding("key_mode", State.NOTE, detail=str(path))
    open_to_others = bool(mode & 0o077)
    state = State.BAD if open_to_others else State.GOOD
    return Finding("key_mode", state, "doctor_key_open" if open_to_others else None, f"{mode:04o}")


def _socket(
    check: str, reason: str, *, needed: bool, kinds: tuple[socket.SocketKind, ...]
) -> Finding:
    """Try to open an ICMP socket of one of these kinds."""
    refused = ""
    for kind in kinds:
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError as error:
            refused = os.strerror(error.errno or 0)
        else:
            return Finding(check, State.GOOD)
    return Finding(check, State.BAD if needed else State.NOTE, reason, refused)


def _devices(settings: Settings, take: TakeReadings) -> Iterator[Finding]:
    """Ask every device that the settings name, in the probes' own children."""
    plans = [
        plan
        for plan in settings.probes.values()
        if isinstance(plan.own, AskSettings)
        and plan.enabled
        and plan.idle_reason is None
        # A probe that needs a slot would load the line instead of asking a device.
        and not plan.needs_slot
    ]
    if not plans:
        yield Finding("snmp", State.NOTE, "snmp_no_device")
    for reading in take(plans):
        bad = reading.outcome is Outcome.FAILED
        state = State.BAD if bad else State.GOOD
        yield Finding("snmp", state, reading.reason, f"{reading.probe}/{reading.target}")
