"""Who this agent is: enrolment code -> a key of its own, kept in `identity.json`, mode 0600.

An identity is random and given by the collector; never a hardware id, since a county buys its PCs
in one lot and clones their disks.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.collector_client import Answer, CollectorClient
from agent.probes.base import CollectorAccess

FILE_NAME = "identity.json"


class IdentityError(Exception):
    """There is no usable identity; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The collector this agent belongs to, and its key there."""

    server: str
    agent_id: str
    key: str = field(repr=False)
    school_id: str
    school_name: str
    ca_file: Path | None = None

    def access(self, ca_file: Path | None = None) -> CollectorAccess:
        """Return how to reach the collector; `ca_file` from the settings goes first."""
        return CollectorAccess(self.server, self.key, ca_file or self.ca_file)


def load_identity(state_dir: Path) -> Identity | None:
    """Return the stored identity, None before enrolment. Raises IdentityError if unreadable."""
    path = state_dir / FILE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        ca_file = data.get("ca_file")
        return Identity(
            server=data["server"],
            agent_id=data["agent_id"],
            key=data["key"],
            school_id=data["school"]["id"],
            school_name=data["school"]["name"],
            ca_file=Path(ca_file) if ca_file else None,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IdentityError(
            f"{path} 无法读取，请重新登记 / is not readable, enrol again: {error!r}"
        ) from error


def save_identity(state_dir: Path, identity: Identity) -> None:
    """Store the identity so that only its owner may read it, all or nothing."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {
        "server": identity.server,
        "agent_id": identity.agent_id,
        "key": identity.key,
        "school": {"id": identity.school_id, "name": identity.school_name},
        "ca_file": str(identity.ca_file) if identity.ca_file else None,
    }
    path = state_dir / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


def enrol(server: str, code: str, *, ca_file: Path | None, timeout_s: float = 20.0) -> Identity:
    """Exchange an enrolment code for an identity. Raises IdentityError with the collector's words.

    The host's name is sent so that a person can tell two agents apart; nothing else of the host.
    """
    client = CollectorClient(CollectorAccess(server, "", ca_file), timeout_s=timeout_s)
    body = {"code": code, "host": {"name": socket.gethostname(), "system": system_name()}}
    try:
        answer = client.post_json("/api/v1/enrol", body)
    finally:
        client.close()
    if answer.status != 201:
        raise IdentityError(_refusal(answer))
    try:
        given: dict[str, Any] = answer.json()
        return Identity(
            server=server,
            agent_id=given["agent_id"],
            key=given["key"],
            school_id=given["school"]["id"],
            school_name=given["school"]["name"],
            ca_file=ca_file.resolve() if ca_file else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityError(
            f"{server} 的回答不是本系统的格式，请检查地址 / did not answer like a collector,"
            " check the address"
        ) from error


def system_name() -> str:
    """Return `linux`, `windows`, … as the wire spells it."""
    return "windows" if sys.platform == "win32" else sys.platform


def _refusal(answer: Answer) -> str:
    problem = answer.problem()
    words = problem.get("detail") or problem.get("title") or answer.error
    return f"{words or 'HTTP ' + str(answer.status)}"
