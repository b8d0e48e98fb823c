"""RTSP 1.0 as a client (RFC 2326): DESCRIBE, and where that hides the size, a moment of the stream.

No maintained library speaks RTSP without decoding video. Everything is over one TCP connection with
one deadline; nothing is played but the first parameter set, and the session is closed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.cameras.login import Challenge, answer_challenge, read_challenges
from agent.cameras.rtp import ParameterSetFinder
from agent.cameras.sdp import VideoTrack, read_video
from agent.cameras.sps import H264, H265, PictureSize
from agent.logins import Login
from agent.system.deadline import DeadlineSocket, connect, naming_network_trouble
from agent.trouble import TroubleError

_MAX_HEAD_BYTES = 16 * 1024
_MAX_BODY_BYTES = 256 * 1024
_MAX_STREAM_BYTES = 8 * 1024 * 1024
"""Of the stream until its parameter set came: a few seconds of a 4K camera."""
_DEFAULT_PORT = 554


@dataclass(frozen=True, slots=True)
class Stream:
    """What a camera sends."""

    codec: str
    size: PictureSize
    source: str
    """Where the size comes from: `description`, `stream`, or `told` by the camera beside it."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    challenges: tuple[str, ...] = ()
    body: bytes = b""


def read_stream(url: str, login: Login | None, deadline_s: float) -> Stream:
    """Return what the stream at `url` is, by `deadline_s` of `time.monotonic`.

    Raises TroubleError `camera_…`: no name, no route, refused, time-out, no RTSP, no such stream,
    a login is needed or wrong, no video, or a size that cannot be read.
    """
    with naming_network_trouble("camera"), _open(url, login, deadline_s) as session:
        answer = session.ask("DESCRIBE", url, {"Accept": "application/sdp"})
        track = read_video(answer.body.decode("utf-8", errors="replace"))
        if track is None:
            raise TroubleError("camera_no_video", url)
        if track.size is not None:
            return Stream(track.codec, track.size, "description")
        base = answer.headers.get("content-base") or answer.headers.get("content-location") or url
        if track.codec in {H264, H265}:
            size = session.watch(track, base)
            if size is not None:
                return Stream(track.codec, size, "stream")
        if track.told_size is not None:
            return Stream(track.codec, track.told_size, "told")
    raise TroubleError("camera_size_unreadable", f"{url}: {track.codec or 'no codec named'}")


def is_rtsp_there(url: str, deadline_s: float) -> None:
    """Return where something speaks RTSP, asked for nothing that needs a login.

    Raises TroubleError as `read_stream` does. Cameras lock accounts after a few wrong passwords,
    so whether one is there is asked without any.
    """
    with naming_network_trouble("camera"), _open(url, None, deadline_s) as session:
        session.send("OPTIONS", url, {})
        session.receive()


def host_and_port(url: str) -> tuple[str, int]:
    """Return where to connect. Raises ValueError for what is no rtsp address."""
    parts = urlsplit(url)
    if parts.scheme != "rtsp" or not parts.hostname:
        raise ValueError(f"not an rtsp:// address: {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an rtsp address must not hold a login: use credentials_file")
    return parts.hostname, parts.port or _DEFAULT_PORT


def _control_address(base: str, control: str) -> str:
    """Return the address of a track (RFC 2326 appendix C.1.1)."""
    if control in {"", "*"}:
        return base
    return control if control.startswith("rtsp://") else f"{base.rstrip('/')}/{control}"


def _open(url: str, login: Login | None, deadline_s: float) -> _Session:
    host, port = host_and_port(url)
    return _Session(connect(host, port, deadline_s), login)


@dataclass
class _Session:
    """One connection; requests one after the other."""

    sock: DeadlineSocket
    login: Login | None
    _number: int = 0
    _challenge: Challenge | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _session_id: str = ""

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, method: str, url: str, headers: Mapping[str, str]) -> _Answer:
        """Send a request, log in where asked to, and return the answer to it."""
        self.send(method, url, headers)
        answer = self.receive()
        if answer.status == 401:
            before = self._challenge
            self._challenge = self._choose(answer)
            is_stale = self._challenge.parameters.get("stale", "").lower() == "true"
            if before is not None and not is_stale:
                raise TroubleError("camera_wrong_credentials", url)
            self.send(method, url, headers)
            answer = self.receive()
        if answer.status != 200:
            raise TroubleError(_reason_of(answer.status), f"{method} {url}: {answer.status}")
        return answer

    def _choose(self, answer: _Answer) -> Challenge:
        challenges = read_challenges(answer.challenges)
        if not challenges:
            raise TroubleError("camera_login_unknown", "; ".join(answer.challenges))
        if self.login is None:
            raise TroubleError("camera_needs_credentials")
        return challenges[0]

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        """Send a request."""
        self._number += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._number}", "User-Agent: CampusGauge"]
        if self._challenge is not None and self.login is not None:
            proof = answer_challenge(self._challenge, self.login, method, url)
            lines.append(f"Authorization: {proof}")
        if self._session_id:
            lines.append(f"Session: {self._session_id}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())

    def receive(self) -> _Answer:
        """Return the next answer; data of the stream in between is dropped."""
        while True:
            if self._peek(1) == b"$":
                self._take_frame()
                continue
            head = self._take_head()
            if head.startswith(b"RTSP/1.0 "):
                return self._read_answer(head)
            if not head.startswith((b"OPTIONS", b"ANNOUNCE", b"REDIRECT", b"SET_PARAMETER")):
                raise TroubleError("camera_no_rtsp", repr(head[:60]))

    def _read_answer(self, head: bytes) -> _Answer:
        first, *lines = head.decode("utf-8", errors="replace").split("\r\n")
        status = first.split()[1] if len(first.split()) > 1 else ""
        pairs = [
            (name.strip().lower(), value.strip())
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        ]
        headers = dict(pairs)
        length = headers.get("content-length", "0")
        if not status.isdecimal() or not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            raise TroubleError("camera_no_rtsp", first[:60])
        challenges = tuple(value for name, value in pairs if name == "www-authenticate")
        self._session_id = headers.get("session", self._session_id).partition(";")[0]
        body = bytes(self._peek(int(length)))
        del self._buffer[: int(length)]
        return _Answer(int(status), headers, challenges, body)

    def _take_head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise TroubleError("camera_no_rtsp", "an answer without an end")
            self._fill()
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head

    def _peek(self, size: int) -> bytearray:
        while len(self._buffer) < size:
            self._fill()
        return self._buffer[:size]

    def _fill(self) -> None:
        data = self.sock.recv()
        if not data:
            raise TroubleError("camera_no_rtsp", "the camera closed the connection")
        self._buffer += data

    def _take_frame(self) -> tuple[int, bytes]:
        """Return channel and content of one interleaved frame (§10.12)."""
        size = int.from_bytes(self._peek(4)[2:4])
        frame = bytes(self._peek(4 + size))
        del self._buffer[: 4 + size]
        return frame[1], frame[4:]

    def watch(self, track: VideoTrack, base: str) -> PictureSize | None:
        """Play until a parameter set came; None where none came in time or in bounds."""
        control = _control_address(base, track.control)
        wanted = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        self.ask("SETUP", control, wanted)
        self.ask("PLAY", base, {"Range": "npt=0.000-"})
        finder = ParameterSetFinder(track.codec)
        taken = 0
        try:
            while taken < _MAX_STREAM_BYTES:
                if self._peek(1) != b"$":
                    self._take_head()  # an answer or request in between: of no interest now
                    continue
                channel, packet = self._take_frame()
                taken += len(packet) + 4
                size = finder.feed(packet) if channel == 0 else None
                if size is not None:
                    self.send("TEARDOWN", base, {})
                    return size
        except TimeoutError:
            return None
        return None


def _reason_of(status: int) -> str:
    if status == 401:
        return "camera_wrong_credentials"
    if status == 403:
        return "camera_not_permitted"
    return "camera_no_such_stream" if status in {404, 410, 454} else "camera_answered_error"
