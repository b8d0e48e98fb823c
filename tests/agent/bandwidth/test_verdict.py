"""What limited a result: every cause from its evidence, and none without."""

from __future__ import annotations

import pytest

from agent.bandwidth.verdict import Evidence, limits
from agent.system.interfaces import Kind

PRESSED = Evidence(
    line_rate_mbps=500.0,
    margin_ratio=0.002,
    converged=True,
    interface_kind=Kind.WIRED,
    interface_mbps=1000.0,
    server_port_mbps=10_000.0,
    busiest_core_ratio=0.3,
    own_core_ratio=0.1,
    server_core_ratio=0.2,
    other_traffic_share=0.0,
    idle_rtt_s=0.010,
    loaded_rtt_s=0.055,
    retransmit_share=0.0,
)


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        ({}, ("line",)),
        ({"same_host": True, "interface_kind": Kind.WIRELESS}, ("same_host",)),
        ({"interface_kind": Kind.WIRELESS, "interface_mbps": None}, ("wifi",)),
        ({"line_rate_mbps": 985.0}, ("nic",)),
        ({"server_port_mbps": 520.0}, ("server",)),
        ({"server_core_ratio": 0.97, "is_pressed": False}, ("server",)),
        ({"server_core_ratio": 0.97, "is_pressed": True}, ("line",)),
        ({"busiest_core_ratio": 0.99, "own_core_ratio": 0.5}, ("host_cpu",)),
        ({"own_core_ratio": 0.95}, ("host_cpu",)),
        ({"own_core_ratio": 0.5, "own_wait_ratio": 0.45}, ("host_cpu",)),
        ({"own_core_ratio": 0.1, "own_wait_ratio": 0.85}, ("line",)),
        ({"sender_busy_ratio": 0.3}, ("host_cpu",)),
        ({"wavering_ratio": 0.4, "own_wait_ratio": 0.8}, ("host_cpu", "unstable")),
        ({"sender_busy_ratio": 0.99}, ("line",)),
        ({"other_traffic_share": 0.2}, ("cross_traffic",)),
        ({"in_burst": True}, ("burst",)),
        ({"converged": False, "margin_ratio": 0.05}, ("unstable",)),
        ({"lowest_loaded_rtt_s": 0.0055}, ("cross_traffic",)),
        ({"lowest_loaded_rtt_s": 0.0065}, ("line",)),
        ({"wavering_ratio": 0.4}, ("unstable",)),
        ({"link_other_share": 0.3}, ("cross_traffic",)),
        ({"link_other_share": 0.0, "other_traffic_share": 0.3}, ("line",)),
        ({"interface_kind": Kind.WIRELESS, "other_traffic_share": 0.1}, ("wifi", "cross_traffic")),
    ],
)
def test_each_cause_is_named_from_its_evidence(
    change: dict[str, object], causes: tuple[str, ...]
) -> None:
    """One fact changed, one cause named."""
    assert limits(PRESSED._replace(**change)) == causes  # type: ignore[arg-type]  # by field


def test_a_line_is_not_blamed_without_a_sign_that_it_was_full() -> None:
    """No queue and no loss: nothing is known to have limited."""
    assert limits(PRESSED._replace(loaded_rtt_s=0.0101)) == ()
    assert limits(PRESSED._replace(loaded_rtt_s=None)) == ()


def test_loss_is_a_sign_too() -> None:
    """A policer drops instead of queueing."""
    assert limits(PRESSED._replace(loaded_rtt_s=0.0101, is_pressed=True)) == ("line",)


def test_what_the_sender_saw_last_outweighs_the_pings() -> None:
    """Connections that still grow are not the line being full, whatever was queued earlier."""
    assert limits(PRESSED._replace(is_pressed=False)) == ()


def test_unknown_evidence_names_nothing() -> None:
    """A system that tells nothing gets no cause invented."""
    assert limits(Evidence(line_rate_mbps=940.0, margin_ratio=0.002, converged=True)) == ()
