"""Uplinks: planned tests go round, and a busy line is noticed on this host's interface."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.uplinks import Uplinks

LINES = {"telecom": "192.0.2.10", "mobile": "192.0.2.11", "edu": "192.0.2.12"}


def test_every_uplink_has_its_turn(tmp_path: Path) -> None:
    """Six runs measure three uplinks twice each, also over restarts and failures."""
    order = []
    for run in range(6):
        uplinks = Uplinks(tmp_path / "uplinks.json")
        chosen = uplinks.longest_waiting(LINES)
        order.append(chosen)
        uplinks.note(chosen, 1000.0 + run, 1e6 if run % 2 else None, "eth0")
    assert order == ["telecom", "mobile", "edu"] * 2


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    """And the next note repairs it."""
    file = tmp_path / "uplinks.json"
    file.write_text('{"uplinks": {"telecom": {"tested_at_s": "yesterday"}}}')
    uplinks = Uplinks(file)
    assert uplinks.longest_waiting(LINES) == "telecom"
    uplinks.note("telecom", 5.0, None, None)
    assert Uplinks(file).longest_waiting(LINES) == "mobile"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's interface counters")
def test_traffic_on_the_interface_is_seen_as_a_share_of_the_line() -> None:
    """Datagrams over loopback during the watch count; an unknown line gives no number."""
    uplinks = Uplinks(None)
    assert uplinks.used_ratio("default", time.monotonic, time.sleep) is None
    uplinks.note("default", 1.0, 1_000_000.0, "lo")
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    stop = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
            while not stop.wait(0.01):
                source.sendto(bytes(20_000), sink.getsockname())

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    used = uplinks.used_ratio("default", time.monotonic, time.sleep)
    stop.set()
    thread.join(2)
    sink.close()
    assert used is not None
    assert used > 0.5
