"""Round trips while this test moves nothing: they show a queue that is not ours."""

from __future__ import annotations

import select
import time

from agent.bandwidth.connection import abort
from agent.bandwidth.flows import open_flows
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.session import Session

QUIET_S = 0.7
TURN_S = 0.02


def quiet_pings_s(session: Session, drain_s: float) -> list[float]:
    """Return round-trip times over an unloaded connection, `drain_s` after the last transfer.

    By then the queue that this test had made is gone. Raises MeasurementError without a
    connection.
    """
    (flow,) = open_flows(session, 1)
    try:
        pinger = Pinger(session, flow.sock)
        time.sleep(drain_s)
        ends_at = time.monotonic() + QUIET_S
        while time.monotonic() < ends_at:
            pinger.turn()
            select.select([flow.sock], [], [], TURN_S)
        return pinger.times_s
    finally:
        abort(flow.sock)
