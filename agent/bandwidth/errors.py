"""Why a measurement gave no number."""

from __future__ import annotations


class MeasurementError(Exception):
    """No rate could be measured. Never turned into a number.

    `reason` is a code of `rubrics/reasons.yaml`; `detail` says what was seen; `transient` says
    whether trying again later, with nothing changed, can help.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        transient: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.transient = transient
        self.retry_after_s = retry_after_s
