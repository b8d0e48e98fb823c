"""Logs as one `key=value` line per event on standard error; the service manager keeps them."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime


class LineFormatter(logging.Formatter):
    """`time=… level=… part=… event=… key=value …`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a line break inside a value cannot forge a second one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        return (
            f"time={moment.replace('+00:00', 'Z')} level={record.levelname.lower()}"
            f" part={record.name} event={message}"
        )


def log_to_stderr() -> None:
    """Send the agent's own events to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger("agent")
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    logger.propagate = False
