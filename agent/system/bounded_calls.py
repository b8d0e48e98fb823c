"""Calls that may block for ever (a dead NFS server, a name look-up), made in bounded time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCalls(Generic[T]):
    """Runs named calls side by side and waits for them no longer than asked.

    A call that does not return in time keeps its daemon thread, and until that thread ends a call
    of the same name is not started again: calls that hang never pile up.
    """

    def __init__(self) -> None:
        self._hanging: dict[str, threading.Thread] = {}

    def run(self, calls: Mapping[str, Callable[[], T]], within_s: float) -> dict[str, T]:
        """Return the results that came within `within_s` seconds, by name.

        What a call raises is raised here.
        """
        self._hanging = {n: t for n, t in self._hanging.items() if t.is_alive()}
        deadline = time.monotonic() + within_s
        answers: queue.SimpleQueue[tuple[str, T | None, Exception | None]] = queue.SimpleQueue()
        waiting = set()
        for name, call in calls.items():
            if name not in self._hanging:
                thread = threading.Thread(target=_answer, args=(name, call, answers), daemon=True)
                thread.start()
                self._hanging[name] = thread
                waiting.add(name)
        results: dict[str, T] = {}
        while waiting:
            try:
                left_s = max(deadline - time.monotonic(), 0)
                name, result, error = answers.get(timeout=left_s)
            except queue.Empty:
                break
            if error is not None:
                raise error
            waiting.discard(name)
            results[name] = result  # type: ignore[assignment]  # without an error there is a result
        return results


def _answer(
    name: str,
    call: Callable[[], T],
    answers: queue.SimpleQueue[tuple[str, T | None, Exception | None]],
) -> None:
    try:
        answers.put((name, call(), None))
    except Exception as error:  # noqa: BLE001 - handed to the caller of run, who raises it
        answers.put((name, None, error))
