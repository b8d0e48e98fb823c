"""Cameras to ask: a real RTSP server, and an ONVIF device that checks what it is asked."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import parse_http_list, parse_keqv_list
from xml.etree import ElementTree as ET

import pytest

SYSTEM_PYTHON = Path("/usr/bin/python3")
USER, PASSWORD = "view", "s3cret word"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
UTILITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
ONVIF = "{http://www.onvif.org/ver10/%s/wsdl}"
SERVICE_OF = {
    "GetSystemDateAndTime": "device",
    "GetDeviceInformation": "device",
    "GetCapabilities": "device",
    "GetProfiles": "media",
    "GetStreamUri": "media",
    "FindRecordings": "search",
    "GetRecordingSearchResults": "search",
    "EndSearch": "search",
}
HEAD = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
    'xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
    'xmlns:tse="http://www.onvif.org/ver10/search/wsdl"><e:Body>'
)
TAIL = "</e:Body></e:Envelope>"


def _start_rtsp(method: str) -> Iterator[int]:
    script = Path(__file__).with_name("rtsp_server.py")
    found = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"],
        capture_output=True,
        check=False,
    )
    if found.returncode:
        pytest.skip("needs Debian's gir1.2-gst-rtsp-server-1.0")
    command = [str(SYSTEM_PYTHON), str(script), *([method] if method else [])]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(10)


@pytest.fixture(scope="session")
def rtsp_port() -> Iterator[int]:
    """Serve real streams without a login; return the port."""
    yield from _start_rtsp("")


@pytest.fixture(scope="session", params=["basic", "digest"])
def guarded_rtsp_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve real streams to the user `view` only, by Basic and by Digest; return the port."""
    yield from _start_rtsp(request.param)


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    """Return a file with a good and a wrong login."""
    path = tmp_path / "logins.toml"
    text = f'[default]\nuser = "{USER}"\npassword = "{PASSWORD}"\n'
    path.write_text(f'{text}[wrong]\nuser = "{USER}"\npassword = "no"\n')
    path.chmod(0o600)
    return path


@dataclass
class FakeDevice:
    """An ONVIF device by the specifications. Requests are read by their exact namespaces."""

    port: int = 0
    streams: list[tuple[str, int, int, str]] = field(default_factory=list)
    """Token, width, height and address of each profile."""
    recordings: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Token, name, earliest and latest of each recording."""
    clock_offset: timedelta = timedelta()
    wants_http_login: bool = False
    can_search: bool = True
    pages: int = 1
    answers: dict[str, bytes] = field(default_factory=dict)
    """What is answered to an operation in place of the right thing."""
    asked: list[str] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        """The device's clock."""
        return datetime.now(UTC) + self.clock_offset

    def answer(self, body: bytes, headers: dict[str, str], path: str) -> tuple[int, bytes, str]:
        """Return status, body and challenge for one request."""
        envelope = ET.fromstring(body)  # noqa: S314 - our own request
        (operation,) = envelope.find(f"{SOAP}Body") or []
        name = operation.tag.rpartition("}")[2]
        self.asked.append(name)
        assert operation.tag == ONVIF % SERVICE_OF[name] + name
        assert headers["Content-Type"].startswith("application/soap+xml")
        if name in self.answers:
            return 200, self.answers[name], ""
        if name != "GetSystemDateAndTime":
            if self.wants_http_login:
                if not _http_login_holds(headers.get("Authorization", ""), path):
                    return 401, b"", 'Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5'
            elif not self._token_holds(envelope):
                return 400, fault("ter:NotAuthorized", "Sender not Authorized"), ""
        content = getattr(self, f"_{SERVICE_OF[name]}")(name, operation)
        if content is None:
            return 400, fault("ter:ActionNotSupported", "Optional action"), ""
        return 200, f"{HEAD}{content}{TAIL}".encode(), ""

    def _token_holds(self, envelope: ET.Element) -> bool:
        token = envelope.find(f"{SOAP}Header/{SECURITY}Security/{SECURITY}UsernameToken")
        if token is None:
            return False
        told = {one.tag.rpartition("}")[2]: one.text or "" for one in token}
        assert token.find(f"{UTILITY}Created") is not None
        created = datetime.fromisoformat(told["Created"])
        nonce = base64.b64decode(told["Nonce"])
        digest = hashlib.sha1(nonce + told["Created"].encode() + PASSWORD.encode())  # noqa: S324
        is_fresh = abs(self.now - created) < timedelta(seconds=5)
        is_new = told["Nonce"] not in self.nonces
        self.nonces.add(told["Nonce"])
        proof = base64.b64encode(digest.digest()).decode()
        return is_fresh and is_new and told["Username"] == USER and told["Password"] == proof

    def _device(self, name: str, operation: ET.Element) -> str:
        del operation
        if name == "GetSystemDateAndTime":
            now = self.now
            return (
                "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
                f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
                f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}"
                f"</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
                "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
            )
        if name == "GetDeviceInformation":
            return (
                "<tds:GetDeviceInformationResponse><tds:Manufacturer>Example</tds:Manufacturer>"
                "<tds:Model>NVR-16</tds:Model><tds:FirmwareVersion>4.2</tds:FirmwareVersion>"
                "</tds:GetDeviceInformationResponse>"
            )
        inner = "http://10.255.255.1/onvif"  # what a device behind another address says
        search = f"<tt:Search><tt:XAddr>{inner}/search</tt:XAddr></tt:Search>"
        return (
            "<tds:GetCapabilitiesResponse><tds:Capabilities>"
            f"<tt:Media><tt:XAddr>{inner}/media</tt:XAddr></tt:Media>"
            f"<tt:Extension>{search if self.can_search else ''}</tt:Extension>"
            "</tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    def _media(self, name: str, operation: ET.Element) -> str:
        if name == "GetStreamUri":
            token = operation.findtext(f"{ONVIF % 'media'}ProfileToken")
            (uri,) = (uri for one, _, _, uri in self.streams if one == token)
            return (
                f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri>"
                "</trt:MediaUri></trt:GetStreamUriResponse>"
            )
        profiles = "".join(
            f'<trt:Profiles token="{token}"><tt:VideoEncoderConfiguration><tt:Encoding>H264'
            f"</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}"
            "</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration></trt:Profiles>"
            for token, width, height, _ in self.streams
        )
        return f"<trt:GetProfilesResponse>{profiles}</trt:GetProfilesResponse>"

    def _search(self, name: str, operation: ET.Element) -> str | None:
        if not self.can_search:
            return None
        if name == "FindRecordings":
            found = "<tse:SearchToken>S-1</tse:SearchToken>"
            return f"<tse:FindRecordingsResponse>{found}</tse:FindRecordingsResponse>"
        assert operation.findtext(f"{ONVIF % 'search'}SearchToken") == "S-1"
        if name == "EndSearch":
            return "<tse:EndSearchResponse/>"
        page = self.asked.count("GetRecordingSearchResults")
        size = -(-len(self.recordings) // self.pages)
        found = "".join(
            f"<tt:RecordingInformation><tt:RecordingToken>{token}</tt:RecordingToken>"
            f"<tt:Source><tt:SourceId>{token}</tt:SourceId><tt:Name>{title}</tt:Name></tt:Source>"
            f"<tt:EarliestRecording>{earliest}</tt:EarliestRecording>"
            f"<tt:LatestRecording>{latest}</tt:LatestRecording></tt:RecordingInformation>"
            for token, title, earliest, latest in self.recordings[(page - 1) * size : page * size]
        )
        state = "Searching" if page < self.pages else "Completed"
        return (
            "<tse:GetRecordingSearchResultsResponse><tse:ResultList>"
            f"<tt:SearchState>{state}</tt:SearchState>{found}"
            "</tse:ResultList></tse:GetRecordingSearchResultsResponse>"
        )


def fault(code: str, words: str) -> bytes:
    """Return a SOAP fault."""
    return (
        f"{HEAD}<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>{code}</e:Value>"
        f"</e:Subcode></e:Code><e:Reason><e:Text>{words}</e:Text></e:Reason></e:Fault>{TAIL}"
    ).encode()


def _http_login_holds(header: str, path: str) -> bool:
    """Check a Digest header by RFC 2617 itself, apart from our own code."""
    if not header.startswith("Digest "):
        return False
    told = parse_keqv_list(parse_http_list(header.removeprefix("Digest ")))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the standard's

    secret, asked = md5(f"{USER}:cam:{PASSWORD}"), md5(f"POST:{path}")
    middle = f"{told['nonce']}:{told['nc']}:{told['cnonce']}:{told['qop']}"
    return told["uri"] == path and told["response"] == md5(f"{secret}:{middle}:{asked}")


@pytest.fixture
def onvif_device() -> Iterator[Callable[..., FakeDevice]]:
    """Return a starter of ONVIF devices on loopback."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(device: FakeDevice | None = None) -> FakeDevice:
        state = device or FakeDevice()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, content, challenge = state.answer(body, dict(self.headers), self.path)
                self.send_response(status)
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
                del format, args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return state

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
