"""One thing that a probe asked about and could not observe."""

from __future__ import annotations


class TroubleError(Exception):
    """Why there is nothing: `reason` is a code of `rubrics/reasons.yaml`.

    `detail` is kept as evidence and never holds a password or a key. A probe turns it into the
    failed reading of that one target and goes on with the others.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail[:300]
