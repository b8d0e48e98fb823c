"""Against which server a test by hand runs, and for how many people its result has to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.bandwidth.connection import endpoint, exchange
from agent.bandwidth.engine import Caps
from agent.bandwidth.errors import MeasurementError
from agent.identity import IdentityError, load_identity
from agent.probes.base import CollectorAccess
from agent.slots import Occasion, ask_for_slot, release_slot

OWN_SERVER = ("iperf3", "librespeed")
"""Backends that do not speak to the bureau's measurement server."""
ASK_S = 5.0


class TargetError(Exception):
    """There is no server to measure against; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the slot's token and bounds where one was given."""

    server: str
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    bounds: Caps | None = None
    """Of the slot, all directions together."""
    give_back: Callable[[int | None], None] = lambda _used_bytes: None
    """Ends the slot; None where it is not known how much was used."""


def find_target(state: Path, server: str | None, token: str | None, backend: str) -> Target:
    """Return `server`, or one the bureau gives a slot for.

    Raises TargetError where the host is not enrolled and no server is named, MeasurementError
    with the collector's reason where there is no slot now.
    """
    if server is not None:
        return Target(server, token)
    if backend in OWN_SERVER:
        raise TargetError(f"{backend} 需要 --server / needs --server")
    identity = load_identity(state)
    if identity is None:
        raise TargetError(
            "本机尚未登记：请用 --server 指定测速服务器，或先运行 campusgauge-agent enrol。\n"
            "This host is not enrolled: name a --server, or run campusgauge-agent enrol first."
        )
    access = identity.access()
    slot = ask_for_slot(access, Occasion.RETEST)

    def give_back(used_bytes: int | None) -> None:
        release_slot(access, slot, used_bytes)

    return Target(
        slot.server, slot.token, access.ca_file, Caps(slot.max_seconds, slot.max_bytes), give_back
    )


def people_of(state: Path) -> int | None:
    """Return how many people the enrolled school has; None where nobody can tell now."""
    try:
        identity = load_identity(state)
        return heads_at(identity.access()) if identity else None
    except (IdentityError, MeasurementError, ValueError, OSError):
        return None


def heads_at(collector: CollectorAccess) -> int | None:
    """Ask the collector for the school's heads. Raises MeasurementError, ValueError, OSError."""
    answer = exchange(
        endpoint(collector.url, ca_file=collector.ca_file),
        "GET",
        "/api/v1/agent/settings",
        {"Authorization": f"Bearer {collector.key}"},
        timeout_s=ASK_S,
    )
    heads = answer.json().get("heads")
    return heads if answer.status == 200 and isinstance(heads, int) and heads > 0 else None
