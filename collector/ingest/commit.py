"""Group commit: requests that wait at the same moment share one durable transaction."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from collector.storage.ports import Acceptance, Delivery, Inbox

GROUP_MAX = 64


@dataclass(slots=True)
class _Ticket:
    delivery: Delivery
    answer: Acceptance | None = None
    error: Exception | None = None

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.error is not None


class GroupCommit:
    """Commits deliveries to the inbox; callable from many threads at once.

    Whoever gets the commit lock takes all that wait and commits them together, so that an fsync is
    paid once per group and a lonely request waits for nobody. No window, no extra thread.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._guard = threading.Lock()
        self._commit = threading.Lock()
        self._waiting: list[_Ticket] = []

    def accept(self, delivery: Delivery) -> Acceptance:
        """Return once the delivery is durable, or known already. Raises what the inbox raises."""
        ticket = _Ticket(delivery)
        with self._guard:
            self._waiting.append(ticket)
        while not ticket.settled:
            with self._commit:
                if not ticket.settled:
                    self._commit_group()
        if ticket.error is not None:
            raise ticket.error
        if ticket.answer is None:
            raise RuntimeError("a settled ticket without an answer")
        return ticket.answer

    def _commit_group(self) -> None:
        with self._guard:
            group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
        try:
            self._settle(group)
        except Exception as error:  # noqa: BLE001  # handed to the request it belongs to
            if len(group) == 1:
                group[0].error = error
                return
            for ticket in group:
                self._settle_alone(ticket)

    def _settle(self, group: list[_Ticket]) -> None:
        answers = self._inbox.accept([ticket.delivery for ticket in group])
        for ticket, answer in zip(group, answers, strict=True):
            ticket.answer = answer

    def _settle_alone(self, ticket: _Ticket) -> None:
        """One bad delivery must not fail those that happened to wait beside it."""
        try:
            self._settle([ticket])
        except Exception as error:  # noqa: BLE001  # handed to the request it belongs to
            ticket.error = error
