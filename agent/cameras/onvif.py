"""ONVIF as a client: who a device is, where its streams are, how far its recordings go back.

Six questions in SOAP 1.2 with a WS-Security UsernameToken (ONVIF Core §5.9, Media, Search). They
are written out here: the libraries build the same envelopes from WSDL with lxml and zeep, 29
packages and 41 MiB for a school host. Answers are parsed by defusedxml, which refuses what XML can
do to its reader, and are read by local names, since makers mix up namespaces.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from agent.cameras.login import answer_challenge, read_challenges
from agent.cameras.sps import PictureSize
from agent.cameras.xml_answer import Element, all_of, first_of, parse_answer, text_of
from agent.logins import Login
from agent.trouble import TroubleError
from agent.web.fetch import Ask, Fetched, fetch

_MAX_BYTES = 2 * 1024 * 1024
_MAX_PAGES = 20
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SEARCH = "http://www.onvif.org/ver10/search/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream configuration of a device. `size` is what the encoder is set to."""

    token: str
    codec: str
    size: PictureSize | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded channel; times are of the device's own clock, None where it names none."""

    token: str
    name: str
    earliest: datetime | None
    latest: datetime | None


@dataclass
class OnvifDevice:
    """One device at `address`, asked until `deadline_s` of `time.monotonic`.

    Every method raises TroubleError: `camera_…` for the network and logins, `onvif_…` for a device
    that answers something else.
    """

    address: str
    port: int
    login: Login | None
    deadline_s: float
    clock_offset: timedelta = timedelta()
    """The device's clock minus ours, once `read_clock` has asked."""
    _services: dict[str, str] = field(default_factory=dict)

    @property
    def device_service(self) -> str:
        """The address that every ONVIF device has (ONVIF Core §5.1.1)."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}/onvif/device_service"

    def read_clock(self, now: datetime) -> datetime:
        """Return the device's time. Asked without a login: a token needs the device's time."""
        body = self._ask(self.device_service, _DEVICE, "GetSystemDateAndTime", with_login=False)
        found = first_of(body, "UTCDateTime", missing_ok=True)
        if found is None:
            return now  # older devices tell local time only; a token in our time will do
        try:
            time_part, date_part = first_of(found, "Time"), first_of(found, "Date")
            year, month, day = (int(text_of(date_part, n)) for n in ("Year", "Month", "Day"))
            hour, minute, second = (
                int(text_of(time_part, n)) for n in ("Hour", "Minute", "Second")
            )
            told = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return now
        self.clock_offset = told - now
        return told

    def identity(self) -> dict[str, str]:
        """Return maker, model and firmware."""
        body = self._ask(self.device_service, _DEVICE, "GetDeviceInformation")
        return {
            "maker": text_of(body, "Manufacturer")[:80],
            "model": text_of(body, "Model")[:80],
            "firmware": text_of(body, "FirmwareVersion")[:80],
        }

    def profiles(self) -> list[Profile]:
        """Return the profiles with video, the largest first."""
        body = self._ask(self._service("Media"), _MEDIA, "GetProfiles")
        found = [_profile(element) for element in all_of(body, "Profiles")]
        if not found:
            raise TroubleError("camera_no_video", "GetProfiles: none")
        return sorted(found, key=lambda one: -(one.size.width * one.size.height if one.size else 0))

    def stream_address(self, profile: Profile) -> str:
        """Return the rtsp:// address of a profile, at the host that we know the device by."""
        content = (
            f'<StreamSetup><Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
            f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
            f"<ProfileToken>{escape(profile.token)}</ProfileToken>"
        )
        body = self._ask(self._service("Media"), _MEDIA, "GetStreamUri", content)
        parts = urlsplit(text_of(body, "Uri"))
        if parts.scheme != "rtsp":
            raise TroubleError("onvif_answered_wrongly", f"GetStreamUri: {parts.geturl()[:100]}")
        # Devices behind another address tell the inner one; logins in it are not ours to use.
        host = f"[{self.address}]" if ":" in self.address else self.address
        place = f"{host}:{parts.port}" if parts.port else host
        return parts._replace(netloc=place).geturl()

    def recordings(self) -> list[Recording]:
        """Return every recorded channel (ONVIF Recording Search §5.7).

        Raises `recorder_cannot_search` where the device has no search service.
        """
        service = self._service("Search")
        scope = "<Scope/><KeepAliveTime>PT60S</KeepAliveTime>"
        token = text_of(self._ask(service, _SEARCH, "FindRecordings", scope), "SearchToken")
        content = (
            f"<SearchToken>{escape(token)}</SearchToken><MinResults>1</MinResults>"
            "<MaxResults>100</MaxResults><WaitTime>PT2S</WaitTime>"
        )
        found: dict[str, Recording] = {}
        for _ in range(_MAX_PAGES):
            body = self._ask(service, _SEARCH, "GetRecordingSearchResults", content)
            for element in all_of(body, "RecordingInformation"):
                one = _recording(element)
                found[one.token] = one
            if text_of(body, "SearchState") not in {"Searching", "Queued"}:
                break
        self._ask(service, _SEARCH, "EndSearch", f"<SearchToken>{escape(token)}</SearchToken>")
        return list(found.values())

    def _service(self, name: str) -> str:
        """Return the address of a service, at the host that we know the device by."""
        if not self._services:
            content = "<Category>All</Category>"
            body = self._ask(self.device_service, _DEVICE, "GetCapabilities", content)
            for known in ("Media", "Search"):
                for element in all_of(body, known):
                    if address := text_of(element, "XAddr"):
                        self._services.setdefault(known, self._at_our_host(address))
        if name not in self._services:
            reason = "recorder_cannot_search" if name == "Search" else "onvif_answered_wrongly"
            raise TroubleError(reason, f"GetCapabilities: no {name}")
        return self._services[name]

    def _at_our_host(self, address: str) -> str:
        ours, told = urlsplit(self.device_service), urlsplit(address)
        return told._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()

    def _ask(
        self,
        url: str,
        namespace: str,
        operation: str,
        content: str = "",
        *,
        with_login: bool = True,
    ) -> Element:
        """Send one question and return the element that holds the answer."""
        header = self._token() if with_login and self.login else ""
        envelope = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f"<s:Header>{header}</s:Header>"
            f'<s:Body><{operation} xmlns="{namespace}">{content}</{operation}></s:Body>'
            "</s:Envelope>"
        ).encode()
        kind = f'application/soap+xml; charset=utf-8; action="{namespace}/{operation}"'
        answer = self._post(url, envelope, {"Content-Type": kind})
        if answer.status == 401 and with_login and self.login:
            proof = _http_proof(answer, self.login, url)
            if proof:
                headers = {"Content-Type": kind, "Authorization": proof}
                answer = self._post(url, envelope, headers)
        return _read_answer(answer, operation, has_login=self.login is not None)

    def _post(self, url: str, envelope: bytes, headers: dict[str, str]) -> Fetched:
        within_s = max(self.deadline_s - time.monotonic(), 0.05)
        ask = Ask(
            within_s=within_s, max_bytes=_MAX_BYTES, headers=headers, method="POST", body=envelope
        )
        try:
            return fetch(url, ask)
        except TroubleError as error:
            known = {"web_no_http": "onvif_answered_wrongly"}
            reason = known.get(error.reason, error.reason.replace("web_", "camera_", 1))
            raise TroubleError(reason, error.detail) from error

    def _token(self) -> str:
        """Return a UsernameToken with a password digest, in the device's time (WSS 1.0)."""
        if self.login is None:
            return ""
        nonce = secrets.token_bytes(16)
        now = datetime.now(UTC) + self.clock_offset
        created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        # SHA-1 is what the standard says; the nonce and the time keep it from being used again.
        digest = hashlib.sha1(
            nonce + created.encode() + self.login.password.encode(), usedforsecurity=False
        ).digest()
        return (
            f'<Security s:mustUnderstand="1" xmlns="{_SECURITY}wssecurity-secext-1.0.xsd">'
            f"<UsernameToken><Username>{escape(self.login.user)}</Username>"
            f'<Password Type="{_SECURITY}username-token-profile-1.0#PasswordDigest">'
            f"{base64.b64encode(digest).decode()}</Password>"
            f'<Nonce EncodingType="{_SECURITY}soap-message-security-1.0#Base64Binary">'
            f"{base64.b64encode(nonce).decode()}</Nonce>"
            f'<Created xmlns="{_SECURITY}wssecurity-utility-1.0.xsd">{created}</Created>'
            "</UsernameToken></Security>"
        )


def _http_proof(answer: Fetched, login: Login, url: str) -> str | None:
    """Return the header for devices that want HTTP's own login instead of SOAP's."""
    challenges = read_challenges([answer.headers.get("www-authenticate", "")])
    target = urlsplit(url).path
    return answer_challenge(challenges[0], login, "POST", target) if challenges else None


def _read_answer(answer: Fetched, operation: str, *, has_login: bool) -> Element:
    refused = "camera_wrong_credentials" if has_login else "camera_needs_credentials"
    if answer.status == 401:
        raise TroubleError(refused, f"{operation}: HTTP 401")
    root = parse_answer(answer.body, f"{operation}: HTTP {answer.status}")
    fault = first_of(root, "Fault", missing_ok=True)
    if fault is not None:
        words = " ".join("".join(fault.itertext()).split())
        if "NotAuthorized" in words or "not authorized" in words.lower():
            raise TroubleError(refused, f"{operation}: {words}")
        if operation == "FindRecordings":
            raise TroubleError("recorder_cannot_search", words)
        raise TroubleError("onvif_answered_wrongly", f"{operation}: {words}")
    return first_of(root, f"{operation}Response")


def _profile(element: Element) -> Profile:
    encoder = first_of(element, "VideoEncoderConfiguration", missing_ok=True)
    size = None
    codec = ""
    if encoder is not None:
        codec = text_of(encoder, "Encoding")
        width, height = text_of(encoder, "Width"), text_of(encoder, "Height")
        if width.isdecimal() and height.isdecimal() and int(width) and int(height):
            size = PictureSize(int(width), int(height))
    return Profile(element.get("token", ""), codec, size)


def _recording(element: Element) -> Recording:
    token = text_of(element, "RecordingToken")
    return Recording(
        token=token,
        name=text_of(element, "Name") or token,
        earliest=_time(element, ("EarliestRecording", "DataFrom")),
        latest=_time(element, ("LatestRecording", "DataTo")),
    )


def _time(element: Element, names: tuple[str, ...]) -> datetime | None:
    for text in _texts(element, names):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _texts(element: Element, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if text := text_of(element, name):
            yield text
