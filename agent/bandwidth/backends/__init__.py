"""Other ways to measure a rate, all with the built-in engine's result type.

`BACKENDS` names them; `measure_with` runs one. The built-in engine is the reference: it alone
looks for burst credit, knows lines again and stops as soon as enough is known.

| backend | its strength | what its number is worth |
|---|---|---|
| `builtin` | a bureau's measurement server, in a slot | evidence both ways |
| `iperf3` | LAN and backbone, 10 Gbit/s and beyond | evidence both ways, both ends count |
| `librespeed` | a LibreSpeed server of somebody else | download as built-in; upload as answered |
| `speedtest-cli` | people know it | a lower bound: a pass counts, a fail does not |
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from agent.bandwidth.backends.base import Backend, Request
from agent.bandwidth.result import Result

BACKENDS = {
    "builtin": "agent.bandwidth.backends.builtin",
    "iperf3": "agent.bandwidth.backends.iperf3",
    "speedtest-cli": "agent.bandwidth.backends.speedtest_cli",
    "librespeed": "agent.bandwidth.backends.librespeed",
}
"""Name -> module, imported when used: a test with one tool pays for no other."""


def measure_with(name: str, request: Request) -> Result:
    """Measure with the backend called `name`.

    Raises MeasurementError with the reason where no rate could be had (`tool_missing` names the
    package to install), ValueError for a server address this backend cannot use.
    """
    backend = cast("Backend", import_module(BACKENDS[name]))
    return backend.measure(request)
