"""Listed services: there, gone, wrong, on this host, and with this host's own network lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.services import Service, ServiceKind, Services, ServicesSettings, try_service
from agent.reading import Outcome, Reading


def ask(*services: Service, context: Context | None = None) -> list[Reading]:
    """Run the probe once."""
    settings = ServicesSettings(services=services, answer_within_s=1.0)
    return list(Services().collect(settings, context or Context()))


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_every_kind_answers_or_says_why(scripted: Any) -> None:
    """A web server by tcp and http; a closed port, a missing page and a name that is none."""
    port = int(scripted.url.rpartition(":")[2])
    for _ in range(4):
        scripted.say(404, {})
    kinds = ServiceKind
    found = {
        one.target: one
        for one in ask(
            Service(name="tcp", kind=kinds.TCP, host="127.0.0.1", port=port),
            Service(name="page", kind=kinds.HTTP, host="127.0.0.1", port=port, expect_status=404),
            Service(name="gone", kind=kinds.HTTP, host="127.0.0.1", port=port),
            Service(name="closed", kind=kinds.TCP, host="127.0.0.1", port=free_port()),
            Service(name="name", kind=kinds.HTTP, host="no-such-host.invalid", purpose="county"),
        )
    }
    assert {name: one.values["reachable"] for name, one in found.items()} == {
        "tcp": 1,
        "page": 1,
        "gone": 0,
        "closed": 0,
        "name": 0,
    }
    assert found["gone"].details["reason"] == "service_wrong_answer"
    assert found["closed"].details["reason"] == "service_refused"
    assert found["name"].reason == "service_name_unresolved"
    assert found["name"].labels == {"kind": "http", "purpose": "county"}


def test_a_service_on_this_host_proves_nothing() -> None:
    """It is limited, and void for every indicator that leaves out same_host."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (reading,) = ask(Service(name="own", kind=ServiceKind.TCP, host="127.0.0.1", port=port))
    assert (reading.outcome, reading.limited_by) == (Outcome.LIMITED, ("same_host",))
    assert reading.reason == "service_on_this_host"


def test_nothing_is_built_in() -> None:
    """Whom a school's host asks is the school's choice."""
    with pytest.raises(ProbeError) as raised:
        list(Services().collect(ServicesSettings(), Context()))
    assert (raised.value.reason, raised.value.outcome) == ("services_not_named", Outcome.SKIPPED)


def test_tls_that_is_none() -> None:
    """A port that speaks something else is not reachable as TLS, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        service = Service(name="t", kind=ServiceKind.TLS, host="127.0.0.1", port=port)
        found = try_service(service, 0.5, None)
    assert (found.attempt.reached, found.attempt.reason) == (False, "web_tls_broken")


@pytest.fixture
def lost_lan() -> Iterator[list[str]]:
    """Make a namespace whose gateway does not exist; return the command that runs in it."""
    name = f"cgsv{os.getpid()}"
    try:
        for command in (
            f"ip netns add {name}",
            f"ip -n {name} link add cg0 type veth peer name cg1",
            f"ip -n {name} addr add 10.88.0.2/24 dev cg0",
            f"ip -n {name} link set cg0 up",
            f"ip -n {name} link set cg1 up",
            f"ip -n {name} route add default via 10.88.0.1",
        ):
            subprocess.run(command.split(), check=True)
        yield ["ip", "netns", "exec", name, sys.executable]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


IN_NAMESPACE = """
from agent.probes.base import Context
from agent.probes.services import Service, ServiceKind, Services, ServicesSettings
service = Service(name="s", kind=ServiceKind.TCP, host="10.99.0.1", port=80)
settings = ServicesSettings(services=(service,), answer_within_s=1.0)
for one in Services().collect(settings, Context()):
    print(one.outcome.value, one.reason, dict(one.values))
"""


@pytest.mark.root
def test_a_lost_lan_is_no_outage_of_a_service(lost_lan: list[str]) -> None:
    """With the gateway silent as well, nothing is said of the service."""
    done = subprocess.run(
        [*lost_lan, "-c", IN_NAMESPACE],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        cwd=Path(__file__).parents[3],
    )
    outcome, reason, values = done.stdout.strip().split(" ", 2)
    assert (outcome, values) == ("failed", "{}")
    assert reason in {"lan_down", "gateway_silent"}
