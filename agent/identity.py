"""Who this agent is: `identity.json`, mode 0600, and how a code becomes one.

An identity is random and given by the collector; never a hardware id, since a county buys its PCs
in one lot and clones their disks.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.collector_client import NO_ANSWER, Answer, CollectorClient
from agent.probes.base import CollectorAccess, utc_now

FILE_NAME = "identity.json"
ENROL_PATH = "/api/v1/enrol"
CLOCK_TOLERANCE_S = 120.0
"""Readings further ahead than ten minutes are refused; a person should know long before."""


class IdentityError(Exception):
    """There is no usable identity; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The collector this agent belongs to, and its key there.

    `next_key` is one that this host made and the collector may know already; the collector takes
    both until the new one is used (see `agent.key_rotation`).
    """

    server: str
    agent_id: str
    key: str = field(repr=False)
    school_id: str
    school_name: str
    ca_file: Path | None = None
    key_since: datetime | None = None
    next_key: str | None = field(default=None, repr=False)

    def access(self, ca_file: Path | None = None) -> CollectorAccess:
        """Return how to reach the collector; `ca_file` from the settings goes first."""
        return CollectorAccess(self.server, self.key, ca_file or self.ca_file)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A fresh identity. `clock_ahead_s` is this host's clock minus the collector's."""

    identity: Identity
    clock_ahead_s: float | None


def load_identity(state_dir: Path) -> Identity | None:
    """Return the stored identity, None before enrolment. Raises IdentityError if unreadable."""
    path = state_dir / FILE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        ca_file, since = data.get("ca_file"), data.get("key_since")
        return Identity(
            server=data["server"],
            agent_id=data["agent_id"],
            key=data["key"],
            school_id=data["school"]["id"],
            school_name=data["school"]["name"],
            ca_file=Path(ca_file) if ca_file else None,
            key_since=datetime.fromisoformat(since) if since else None,
            next_key=data.get("next_key"),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IdentityError(
            f"{path} 无法读取，请重新登记 / is not readable, enrol again: {error!r}"
        ) from error


def save_identity(state_dir: Path, identity: Identity) -> None:
    """Store the identity so that only its owner may read it, all or nothing, and durably.

    A new key that a power cut takes back after the collector has seen it would lock the host out.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {
        "server": identity.server,
        "agent_id": identity.agent_id,
        "key": identity.key,
        "key_since": identity.key_since.isoformat() if identity.key_since else None,
        "next_key": identity.next_key,
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
    _give_to_owner(fresh, state_dir)
    fresh.replace(path)
    _sync_folder(state_dir)


def _give_to_owner(file: Path, folder: Path) -> None:
    """Let root enrol for the service: the file belongs to whoever the state folder belongs to."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows does so by itself and opens no folders."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def enrol(server: str, code: str, *, ca_file: Path | None, timeout_s: float = 20.0) -> Enrolled:
    """Exchange an enrolment code for an identity.

    Raises IdentityError, whose message says in Chinese and English what to do. The host's name is
    sent so that a person can tell two agents apart; nothing else of the host.
    """
    client = CollectorClient(CollectorAccess(server, "", ca_file), timeout_s=timeout_s)
    body = {"code": code, "host": {"name": socket.gethostname(), "system": system_name()}}
    try:
        answer = client.post_json(ENROL_PATH, body)
    finally:
        client.close()
    if answer.status != 201:
        raise IdentityError(_refusal(answer))
    now = utc_now()
    try:
        given: dict[str, Any] = answer.json()
        identity = Identity(
            server=server,
            agent_id=given["agent_id"],
            key=given["key"],
            school_id=given["school"]["id"],
            school_name=given["school"]["name"],
            ca_file=ca_file.resolve() if ca_file else None,
            key_since=now,
        )
        server_time = given.get("server_time")
        ahead = now - datetime.fromisoformat(server_time) if server_time else None
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityError(_told("collector_not_a_collector", f"HTTP 201, {error!r}")) from error
    return Enrolled(identity, ahead.total_seconds() if ahead is not None else None)


def system_name() -> str:
    """Return `linux`, `windows`, … as the wire spells it."""
    return "windows" if sys.platform == "win32" else sys.platform


def _refusal(answer: Answer) -> str:
    """Say why there is no identity: the network's trouble, or the collector's own words."""
    if answer.status == NO_ANSWER:
        from agent.connection_trouble import OTHER, trouble_code

        return _told(trouble_code(answer.cause) if answer.cause else OTHER, answer.error)
    problem = answer.problem()
    words = str(problem.get("detail") or problem.get("title") or "")
    if not words:
        return _told("collector_not_a_collector", f"HTTP {answer.status}")
    return _told(str(problem.get("code") or ""), words)


def _told(code: str, detail: str) -> str:
    from agent.words import told  # brings the catalogue, which `run` does without

    return told(code, detail)
