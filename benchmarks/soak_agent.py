"""The real agent, with a side log of what its spool was asked to keep and said it kept.

    python benchmarks/soak_agent.py SIDE_LOG run --state DIR …

One JSON line before every `Spool.put` ("asked") and one after it returned ("kept"), written past
Python's buffers, so that they survive SIGKILL as the spool does. A reading that was kept must reach
the collector; one that was only asked for may.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable

from agent.__main__ import main
from agent.reading import Reading
from agent.spool import Spool
from agent.wire import reading_fields

_put = Spool.put


def log_puts(side_log: str) -> None:
    """Write every put of this process to the log. Puts are serialised, so the log is in order."""
    descriptor = os.open(side_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    order = threading.Lock()

    def put(spool: Spool, readings: Iterable[Reading]) -> None:
        found = list(readings)
        rows = [reading_fields(reading) for reading in found]
        with order:
            os.write(descriptor, (json.dumps(["asked", rows]) + "\n").encode())
            _put(spool, found)
            os.write(descriptor, (json.dumps(["kept", len(rows)]) + "\n").encode())

    Spool.put = put  # type: ignore[method-assign]  # the agent itself has no use for such a log


if __name__ == "__main__":
    log_puts(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
