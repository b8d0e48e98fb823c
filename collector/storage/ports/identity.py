"""Agents, keys and enrolment codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from collector.domain import (
    Act,
    Agent,
    Contact,
    EnrolmentCode,
    Key,
    QuarantinedBatch,
    QuarantineSource,
)


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

    def take_over(self, code_sha256: bytes, agent: Agent, key: Key, act: Act) -> bool:
        """Spend the code of a successor: the agent goes on under another host's name and key.

        All its earlier keys are over; a quarantine ends, since there is one new key. False as for
        `enrol`.
        """

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, revoked ones included."""

    def agents(self, school_id: str | None = None) -> Sequence[Agent]:
        """Return agents of one school, or all; ordered by school, then by time of enrolment."""

    def contacts(self) -> Mapping[str, Contact]:
        """Return by school its agents that are not revoked, in short; schools with none lack."""

    def revoke_agent(self, agent_id: str, act: Act) -> bool:
        """Revoke the agent and all its keys; its data stays. False if there is no such agent."""

    def release_agent(self, agent_id: str, act: Act, *, accept: bool) -> bool:
        """End a quarantine; whoever sends next is the agent's one host from here on.

        With `accept` what is in quarantine becomes data, otherwise it is dropped: its hosts still
        hold what was never acknowledged. False if there is no such agent in quarantine.
        """

    def quarantine_sources(self) -> Sequence[QuarantineSource]:
        """Return by address what is kept of agents in quarantine, by agent, then newest first."""

    def quarantined(self, school_id: str, limit: int) -> Sequence[QuarantinedBatch]:
        """Return batches in quarantine of a school, newest first."""

    def want_key(self, agent_id: str, act: Act) -> bool:
        """Ask the agent to change its key at its next look. False if there is no such agent."""

    def propose_key(self, key: Key) -> bool:
        """Keep a key that replaces another one once it is used; proposing it again is fine.

        A proposal of the same agent that was never used is dropped. False if the id is taken.
        """

    def confirm_key(self, key_id: str, now: datetime) -> None:
        """Note the first use of a proposed key: every other key of its agent is superseded."""

    def add_key(self, key: Key) -> None:
        """Keep a key. Raises NotFoundError if its school does not exist."""

    def key(self, key_id: str) -> Key | None:
        """Return the key with this id, revoked ones included."""

    def all_keys(self) -> Sequence[Key]:
        """Return all keys, oldest first."""

    def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke one key. False if there is no such key."""
