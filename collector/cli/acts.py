"""Who a command on this host acts as in the audit chain."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from collector.domain import Act


def act_now(action: str, why: str = "") -> Act:
    """Return an act of the system user who runs this command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return Act(f"cli:{user}", datetime.now(UTC), action, why)
