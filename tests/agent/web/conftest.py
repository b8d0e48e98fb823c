"""A school's web site: pages in a folder, served by the real nginx over HTTP and TLS."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SIGN_IN = "<title>上网认证</title><form><input name=u><input type=password name=p></form>"
_SERVERS = """
server {{ listen 127.0.0.1:{http};
  location /plain/ {{ alias {root}/; }}
  location = /here {{ return 302 http://127.0.0.1:{http}/plain/index.html; }}
  location = /loop {{ return 302 /loop2; }}
  location = /loop2 {{ return 302 /loop; }}
  location = /elsewhere {{ return 302 http://localhost:{http}/plain/index.html; }}
  location = /broken {{ return 500 "broken"; }}
  location = /no-phones {{
    if ($http_user_agent ~ Mobile) {{ return 404; }}
    default_type text/html; return 200 "<title>示例小学</title>";
  }}
  location / {{ return 301 https://localhost:{https}$request_uri; }}
}}
server {{ listen 127.0.0.1:{https} ssl; gzip on; gzip_types *; gzip_min_length 1;
  ssl_certificate {work}/good.pem; ssl_certificate_key {work}/key.pem; root {root};
}}
server {{ listen 127.0.0.1:{expired} ssl;
  ssl_certificate {work}/expired.pem; ssl_certificate_key {work}/key.pem; root {root};
}}
server {{ listen 127.0.0.1:{misnamed} ssl;
  ssl_certificate {work}/misnamed.pem; ssl_certificate_key {work}/key.pem; root {root};
}}
"""


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def make_certificates(work: Path) -> None:
    """Write an authority, and by it a good, an expired and a misnamed certificate, one key."""
    key = ec.generate_private_key(ec.SECP256R1())
    county, school = (
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        for name in ("County", "School")
    )
    usage = x509.KeyUsage(*(flag in {5, 6} for flag in range(9)))
    now = datetime.now(UTC)

    def sign(file: str, since: datetime, until: datetime, *extensions: x509.ExtensionType) -> None:
        subject = county if file == "ca.pem" else school
        builder = x509.CertificateBuilder(county, subject, key.public_key()).serial_number(
            x509.random_serial_number()
        )
        builder = builder.not_valid_before(since).not_valid_after(until)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        signed = builder.sign(key, SHA256())
        (work / file).write_bytes(signed.public_bytes(Encoding.PEM))

    hour, days = timedelta(hours=1), timedelta(days=45)
    sign("ca.pem", now - hour, now + days, x509.BasicConstraints(ca=True, path_length=None), usage)
    here, other = (x509.SubjectAlternativeName([x509.DNSName(n)]) for n in ("localhost", "x.test"))
    sign("good.pem", now - hour, now + days, here)
    sign("expired.pem", now - days, now - hour, here)
    sign("misnamed.pem", now - hour, now + days, other)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (work / "key.pem").write_bytes(private)


@dataclass(frozen=True)
class WebSite:
    """The served folder and the ports."""

    root: Path
    ca_file: Path
    http: int
    https: int
    expired: int
    misnamed: int

    @property
    def url(self) -> str:
        """The start page."""
        return f"https://localhost:{self.https}/"

    def plain(self, path: str) -> str:
        """Return an address of the server without TLS."""
        return f"http://127.0.0.1:{self.http}{path}"

    def write(self, name: str, content: str | bytes) -> None:
        """Put a page."""
        raw = content if isinstance(content, bytes) else content.encode()
        (self.root / name).write_bytes(raw)


@pytest.fixture
def web_site(tmp_path: Path) -> Iterator[WebSite]:
    """Serve an empty site by nginx."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    work = tmp_path / "nginx"
    root = work / "pages"
    root.mkdir(parents=True)
    make_certificates(work)
    ports = {name: free_port() for name in ("http", "https", "expired", "misnamed")}
    temp = " ".join(
        f"{name}_temp_path {work}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (work / "nginx.conf").write_text(
        f"daemon off; pid {work}/pid; error_log {work}/error.log; user root; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; {temp} types {{ text/html html; }} charset off;\n"
        + _SERVERS.format(root=root, work=work, **ports)
        + "}\n"
    )
    process = subprocess.Popen([nginx, "-c", str(work / "nginx.conf"), "-p", str(work)])
    site = WebSite(root, work / "ca.pem", **ports)
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", site.misnamed), 0.2).close()
            break
        except OSError:
            assert process.poll() is None, (work / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    yield site
    process.terminate()
    process.wait(10)
