"""Asking a measurement server what a slot's session really moved.

An agent that failed midway, or died, cannot say. Charging its whole reserve would end the school's
tests of the day after a few failures.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import TypeAlias

from collector.domain import SlotTest
from collector.speedtest.slots.rules import SlotServer
from collector.speedtest.tokens import sign_question

TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 4096
MovedBytes: TypeAlias = Callable[[SlotServer, SlotTest], int | None]
"""Returns the bytes that a test moved through its server, None while nobody can tell."""


def nothing_known(server: SlotServer, test: SlotTest) -> None:
    """Ask nobody: the whole reserve stays charged."""
    del server, test


def ask_moved_bytes(server: SlotServer, test: SlotTest) -> int | None:
    """Ask the server, over TLS where its address says so.

    None when it cannot be reached, was restarted since or the session still runs.
    """
    if test.slot_id is None or test.started_at is None:
        return None
    question = sign_question(server.secret, test.slot_id, test.started_at.timestamp())
    request = urllib.request.Request(  # noqa: S310 - the bureau's own setting, http or https
        f"{server.url.rstrip('/')}/session/moved", headers={"Authorization": f"Bearer {question}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            told = json.loads(answer.read(MAX_ANSWER_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("is_over") is not True:
        return None
    moved = told.get("moved_bytes")
    return moved if isinstance(moved, int) and moved >= 0 else None
