"""Where frames come from: a monitor interface for some seconds, or a capture file; by scapy."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from agent.trouble import TroubleError
from agent.wireless.frames import PLAIN, RADIOTAP, Capture

ARPHRD = {803: RADIOTAP, 801: PLAIN}
"""Types of Linux interfaces in monitor mode (include/uapi/linux/if_arp.h) -> link type."""
FRAMES_MAX = 2_000_000
TURN_S = 0.2
TUNE_S = 5.0
_PCAP_HEAD_BYTES, _RECORD_HEAD_BYTES = 24, 16


@dataclass(frozen=True, slots=True)
class Captured:
    """A whole capture. `last_s` is the Unix time of its last frame; `torn`: its end is missing."""

    capture: Capture
    last_s: float
    torn: bool = False


def read_file(path: Path) -> Captured:
    """Read a pcap or pcapng file, compressed or not.

    Raises TroubleError `capture_unreadable`, `capture_wrong_link_type`, `capture_empty`.
    """
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapReader

    capture = Capture()
    last_s, size, torn = 0.0, _PCAP_HEAD_BYTES, False
    try:
        with _open(path) as stream:  # scapy would leave a file open that is none of its own
            source: Any = stream  # typed as a name, and takes a file as well
            reader = RawPcapReader(source)
            for raw, about in reader:
                link_type = getattr(about, "linktype", None) or getattr(reader, "linktype", None)
                if link_type not in (RADIOTAP, PLAIN):
                    raise TroubleError("capture_wrong_link_type", f"{path.name}: {link_type}")
                if len(raw) < getattr(about, "caplen", 0):  # the card was pulled out here
                    torn = True
                    break
                capture.add(raw, link_type)
                last_s = _time_of(about, nano=bool(getattr(reader, "nano", False)))
                size += _RECORD_HEAD_BYTES + getattr(about, "caplen", 0)
                if capture.frames >= FRAMES_MAX:
                    break
            if type(reader) is RawPcapReader and capture.frames < FRAMES_MAX:
                torn = torn or size != stream.tell()
    except (Scapy_Exception, OSError, EOFError, ValueError) as error:
        if not capture.frames:
            raise TroubleError("capture_unreadable", f"{path.name}: {error}") from error
        torn = True
    if not capture.frames:
        raise TroubleError("capture_empty", path.name)
    return Captured(capture, last_s, torn)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path)) if packed else path.open("rb")


def _time_of(about: Any, *, nano: bool) -> float:
    if hasattr(about, "sec"):
        return float(about.sec + about.usec / (1e9 if nano else 1e6))
    ticks = (about.tshigh << 32) + about.tslow
    return float(ticks / float(about.tsresol or 1_000_000))


def link_type_of(interface: str, sys_root: Path) -> int:
    """Return the link type of a monitor interface.

    Raises TroubleError `capture_interface_missing`, `capture_not_monitor`.
    """
    try:
        kind = int((sys_root / "class" / "net" / interface / "type").read_text())
    except (OSError, ValueError) as error:
        raise TroubleError("capture_interface_missing", interface) from error
    if kind not in ARPHRD:
        raise TroubleError("capture_not_monitor", interface)
    return ARPHRD[kind]


def listen(
    interface: str,
    link_type: int,
    seconds: float,
    channels: Sequence[int],
    now: Callable[[], float],
) -> Captured:
    """Listen for `seconds`, an equal share on each of `channels`; none: where the card stands.

    Raises TroubleError `capture_not_permitted`, `capture_channel_refused`, `capture_empty`.
    """
    from scapy.config import conf

    with contextlib.suppress(ImportError):
        import scapy.arch  # noqa: F401 - sets conf.L2listen for this system
    capture = Capture()
    try:
        sock: Any = conf.L2listen(iface=interface)
    except PermissionError as error:
        raise TroubleError("capture_not_permitted", str(error)) from error
    except OSError as error:
        raise TroubleError("capture_interface_missing", f"{interface}: {error}") from error
    with contextlib.closing(sock):
        sock.ins.settimeout(TURN_S)
        stays: Sequence[int | None] = tuple(channels) or (None,)
        for channel in stays:
            if channel is not None:
                tune(interface, channel)
            _take_frames(sock, capture, link_type, seconds / len(stays))
    if not capture.frames:
        raise TroubleError("capture_empty", interface)
    return Captured(capture, now())


def _take_frames(sock: Any, capture: Capture, link_type: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and capture.frames < FRAMES_MAX:
        try:
            raw = sock.recv_raw()[1]
        except TimeoutError:
            continue
        except OSError as error:  # the interface went down or away
            raise TroubleError("capture_interface_missing", str(error)) from error
        if raw:
            capture.add(raw, link_type)


def tune(interface: str, channel: int) -> None:
    """Set the card's channel. Raises TroubleError `capture_channel_refused`."""
    path = shutil.which("iw") or shutil.which("iw", path="/usr/sbin:/sbin")
    if path is None:
        raise TroubleError("wireless_tool_missing", "iw")
    command = [path, "dev", interface, "set", "channel", str(channel)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TUNE_S, check=False)  # noqa: S603 - fixed words
    except subprocess.TimeoutExpired as error:
        raise TroubleError("capture_channel_refused", f"{channel}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise TroubleError("capture_channel_refused", f"{channel}: {said}")
