"""A LibreSpeed server as others run it: `.php` names, no sessions, no counting.

Run as `python librespeed_like.py HOST FRAMING`; prints its port. Framings: `chunked` as PHP sends,
`sized` as a static file, `closing` ends every answer with the connection. `swallowing` answers an
upload before it has arrived, `silent` never answers one.
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BLOCK = os.urandom(1024 * 1024)
LARGE_FILE_BLOCKS = 4


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    framing = "chunked"

    def do_GET(self) -> None:
        """Serve random bytes, a ping, or nothing."""
        parts = urlsplit(self.path)
        if parts.path == "/backend/garbage.php":
            asked = int(parse_qs(parts.query).get("ckSize", ["4"])[0])
            self._garbage(min(asked, 1024))
        elif parts.path == "/backend/empty.php":
            self._empty()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Swallow an upload."""
        length = int(self.headers["Content-Length"])
        if urlsplit(self.path).path != "/backend/empty.php":
            self.rfile.read(length)
            self.send_error(404)
            return
        if self.framing == "swallowing":
            self._empty()
        while length > 0:
            length -= len(self.rfile.read(min(length, 65536)))
        if self.framing == "silent":
            time.sleep(60)
        if self.framing != "swallowing":
            self._empty()

    def _garbage(self, blocks: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Cache-Control", "no-store")
        if self.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif self.framing == "sized":
            blocks = min(blocks, LARGE_FILE_BLOCKS)
            self.send_header("Content-Length", str(blocks * len(BLOCK)))
        else:
            blocks = min(blocks, LARGE_FILE_BLOCKS)
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        for _ in range(blocks):
            if self.framing == "chunked":
                for at in range(0, len(BLOCK), 8192):
                    self.wfile.write(b"2000\r\n" + BLOCK[at : at + 8192] + b"\r\n")
            else:
                self.wfile.write(BLOCK)
        if self.framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")

    def _empty(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self) -> None:
        """Take a client that hangs up as the end of a test."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Keep quiet."""


def main() -> None:
    """Serve until ended."""
    Handler.framing = sys.argv[2]
    server = ThreadingHTTPServer((sys.argv[1], 0), Handler)
    server.daemon_threads = True
    server.socket.listen(64)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
