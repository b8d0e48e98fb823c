"""Runs speedtest-cli's own client against one server and prints its result as JSON.

Started as `python -m agent.bandwidth.backends.speedtest_cli_child` with one JSON object on
standard input: {"server", "direction", "source", "max_seconds", "headers", "ca_file"}.

Why not the program itself: even with `--mini` it first asks www.speedtest.net for its settings,
which an intranet cannot reach. Here those settings are fixed to what that site hands out; all that
measures is speedtest-cli's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import speedtest  # type: ignore[import-untyped]  # ships no types

CONNECT_S = 10
CONFIGURATION: dict[str, Any] = {
    "client": {"ip": "", "lat": "0", "lon": "0"},
    "ignore_servers": [],
    "sizes": {
        "upload": [524288, 1048576, 7340032],
        "download": [350, 500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000],
    },
    "counts": {"upload": 17, "download": 4},
    "threads": {"upload": 8, "download": 8},
    "length": {"upload": 10, "download": 10},
    "upload_max": 51,
}


class Client(speedtest.Speedtest):  # type: ignore[misc]  # untyped base
    """speedtest-cli's client, told which server, without asking the internet.

    `asked` is the object from standard input; `best` becomes the mini server in its folder.
    """

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        super().__init__(source_address=asked["source"], timeout=CONNECT_S)
        self._best = {"url": f"{asked['server']}/speedtest/upload.php", "latency": 0, "d": 0}

    def get_config(self) -> dict[str, Any]:
        """Take the fixed settings."""
        length = min(10, self._asked["max_seconds"])
        self.config = {**CONFIGURATION, "length": {"upload": length, "download": length}}
        self._opener.addheaders += list(self._asked["headers"].items())
        return self.config


def main() -> int:
    """Measure as standard input says; 1 with speedtest-cli's words on standard error."""
    asked = json.load(sys.stdin)
    if asked["ca_file"]:
        # The only way to tell it: OpenSSL's own variable, in this process alone.
        os.environ["SSL_CERT_FILE"] = asked["ca_file"]
    client = Client(asked)
    try:
        if asked["direction"] == "download":
            client.download()
        else:
            client.upload(pre_allocate=False)
    except (speedtest.SpeedtestException, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    found = client.results
    sys.stdout.write(
        json.dumps(
            {
                "version": speedtest.__version__,
                "download_bits_per_s": found.download,
                "upload_bits_per_s": found.upload,
                "received_bytes": found.bytes_received,
                "sent_bytes": found.bytes_sent,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
