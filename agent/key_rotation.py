"""Changing the agent's own key, so that a crash at any point never locks the host out.

1. This host makes the new key and keeps it in `identity.json` beside the old one.
2. It tells the collector, with the old key, the new key's id and SHA-256; the secret does not
   travel. Telling again changes nothing.
3. It uses the new key once. From then on the collector refuses the old one.
4. It keeps the new key alone.

After a crash the next turn begins again at 2: a collector that refuses the old key already has
seen 3, and one that does not know the new key has not seen 2.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from agent.collector_client import Answer, CollectorClient
from agent.identity import Identity, IdentityError, load_identity, save_identity
from agent.probes.base import CollectorAccess, utc_now
from agent.reading import Reading

KEY_PATH = "/api/v1/agent/key"
SETTINGS_PATH = "/api/v1/agent/settings"
NAME = "agent_key"
"""What the schedule calls the hourly look."""
LOOK_EVERY = timedelta(hours=1)
Connect = Callable[[CollectorAccess], CollectorClient]
_log = logging.getLogger("agent.key_rotation")


def make_key() -> str:
    """Return a fresh key in the collector's form, with 256 random bits of secret."""
    return f"cg_{os.urandom(8).hex()}_{os.urandom(32).hex()}"


class KeyRotation:
    """Changes the key when it is old, or when the collector asks for another."""

    def __init__(
        self,
        state_dir: Path,
        connect: Connect,
        *,
        max_age: timedelta,
        ca_file: Path | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Prepare, without connecting. `ca_file` of the settings goes before the identity's."""
        self._state_dir = state_dir
        self._connect = connect
        self._max_age = max_age
        self._ca_file = ca_file
        self._now = now

    def begun(self) -> bool:
        """Say whether a change was cut short, so that it should go on at once."""
        try:
            identity = load_identity(self._state_dir)
        except IdentityError:
            return False  # whoever pushes says so
        return identity is not None and identity.next_key is not None

    def turn(self) -> list[Reading]:
        """Look if it is time, and go as far as the collector lets it.

        Trouble is logged and waits for the next turn; a key that does not work is the pusher's to
        report. Gives no readings: a job of the runner like any other.
        """
        try:
            identity = load_identity(self._state_dir)
            if identity is not None and self._due(identity, self._now()):
                self._change(identity)
        except (IdentityError, OSError, ValueError) as error:
            _log.error("key_not_changed error=%s", error)
        return []

    def _due(self, identity: Identity, now: datetime) -> bool:
        if identity.next_key is not None:
            return True  # begun before a crash
        if identity.key_since is None or now - identity.key_since >= self._max_age:
            return True
        answer = self._ask(identity, identity.key, None)
        return answer.status == 200 and answer.problem().get("rotate_key") is True

    def _change(self, identity: Identity) -> None:
        if identity.next_key is None:
            identity = replace(identity, next_key=make_key())
            save_identity(self._state_dir, identity)
        fresh = identity.next_key or ""
        _, key_id, secret = fresh.split("_")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        told = self._ask(identity, identity.key, {"key_id": key_id, "secret_sha256": digest})
        if told.status not in (200, 401):  # 401: the old key may be over because the new was used
            _log.warning("key_not_changed status=%d error=%s", told.status, told.error)
            return
        used = self._ask(identity, fresh, None)
        if used.status != 200:
            _log.warning("new_key_not_taken status=%d error=%s", used.status, used.error)
            return
        save_identity(
            self._state_dir, replace(identity, key=fresh, next_key=None, key_since=self._now())
        )
        _log.info("key_changed id=%s", key_id)

    def _ask(self, identity: Identity, key: str, proposal: dict[str, str] | None) -> Answer:
        """Propose a key, or with None ask for the settings, which is the smallest use of a key."""
        ca_file = self._ca_file or identity.ca_file
        client = self._connect(CollectorAccess(identity.server, key, ca_file))
        try:
            if proposal is None:
                return client.get(SETTINGS_PATH)
            return client.post_json(KEY_PATH, proposal)
        finally:
            client.close()
