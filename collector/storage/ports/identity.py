"""Agents, keys and enrolment codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from collector.domain import Agent, EnrolmentCode, Key


class IdentityRecords(Protocol):
    """Agents, keys and enrolment codes. Secrets are known by their SHA-256 alone."""

    def add_code(self, code: EnrolmentCode) -> None:
        """Keep an enrolment code. Raises NotFoundError if its school does not exist."""

    def code(self, code_sha256: bytes) -> EnrolmentCode | None:
        """Return the code with this hash, expired and used-up ones included."""

    def enrol(self, code_sha256: bytes, agent: Agent, key: Key, now: datetime) -> bool:
        """Spend one use of the code and add agent and key, all or nothing.

        False if the code expired or was used up meanwhile, also by a concurrent call.
        """

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, revoked ones included."""

    def agents(self, school_id: str | None = None) -> Sequence[Agent]:
        """Return agents of one school, or all; ordered by school, then by time of enrolment."""

    def revoke_agent(self, agent_id: str, now: datetime) -> bool:
        """Revoke the agent and all its keys; its data stays. False if there is no such agent."""

    def add_key(self, key: Key) -> None:
        """Keep a key. Raises NotFoundError if its school does not exist."""

    def key(self, key_id: str) -> Key | None:
        """Return the key with this id, revoked ones included."""

    def all_keys(self) -> Sequence[Key]:
        """Return all keys, oldest first."""

    def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke one key. False if there is no such key."""
