"""Prometheus text of the last readings and of the agent itself, on a loopback port.

A value is `campusgauge_<probe>_<value name>{target="…"}`, its unit the suffix. A value older than
three of its probe's intervals is left out: a number that nobody renews is not a measurement.
`prometheus_client` writes the format. It is imported when the page starts, after the first samples;
beside what the agent holds already it costs 2 to 3 MiB.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent.latest import Latest
from agent.probes.base import Metric as ProbeMetric
from agent.probes.base import utc_now
from agent.pusher import PushState
from agent.reading import Reading
from agent.settings import ExpositionSettings
from agent.spool import Spool

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

STALE_INTERVALS = 3
_CLIENT_TIMEOUT_S = 2
_SLEEP_S = 3600.0


class Page:
    """The local page; `stop` ends it.

    Served by one thread that sleeps until someone asks. `prometheus_client.start_http_server` wakes
    twice a second instead, which cost as much processor time as all probes together.
    """

    def __init__(self, settings: ExpositionSettings, collector: Collector) -> None:
        """Serve. Raises OSError where the address is taken."""
        from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

        from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

        class Server(WSGIServer):
            address_family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET

        class Handler(WSGIRequestHandler):
            timeout = _CLIENT_TIMEOUT_S

            def log_message(self, *_: object) -> None:
                """Scrapes are no events."""

        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        ProcessCollector(registry=registry)
        self._server = Server((settings.host, settings.port), Handler)
        self._server.set_app(make_wsgi_app(registry))
        self._host = settings.host
        self.port: int = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_SLEEP_S,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give the port back, within a second."""
        threading.Thread(target=self._server.shutdown, daemon=True).start()
        for _ in range(20):  # a connection wakes the thread, and it sees that it is to end
            with suppress(OSError):
                socket.create_connection((self._host, self.port), 0.1).close()
            self._thread.join(0.05)
            if not self._thread.is_alive():
                break
        self._server.server_close()


class ReadingsCollector:
    """Turns the last readings and the agent's counters into metric families at each scrape."""

    def __init__(
        self,
        latest: Latest,
        spool: Spool,
        *,
        intervals_s: Mapping[str, float],
        metrics: Mapping[str, Iterable[ProbeMetric]],
        push_state: Callable[[], PushState] = PushState,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`intervals_s` and `metrics` are by probe name."""
        self._latest = latest
        self._spool = spool
        self._intervals_s = intervals_s
        self._help = {
            (probe, metric.name): metric.meaning
            for probe, declared in metrics.items()
            for metric in declared
        }
        self._push_state = push_state
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every family once."""
        fresh = [reading for reading in self._latest.readings() if self._is_fresh(reading)]
        yield from self._values(fresh)
        yield from _outcomes(fresh)
        yield from self._agent()

    def _is_fresh(self, reading: Reading) -> bool:
        interval_s = self._intervals_s.get(reading.probe, 300.0)
        return self._now() - reading.time <= timedelta(seconds=STALE_INTERVALS * interval_s)

    def _values(self, readings: Iterable[Reading]) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        families: dict[tuple[str, str], GaugeMetricFamily] = {}
        for reading in readings:
            for name, value in reading.values.items():
                key = (reading.probe, name)
                if key not in families:
                    families[key] = GaugeMetricFamily(
                        f"campusgauge_{reading.probe}_{name}",
                        self._help.get(key, f"{name} of the probe {reading.probe}"),
                        labels=["target"],
                    )
                families[key].add_metric([reading.target], value)
        yield from families.values()

    def _agent(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        counts = self._spool.counts()
        yield GaugeMetricFamily(
            "campusgauge_agent_spool_readings",
            "Readings kept until the collector has them",
            value=counts.queued + counts.claimed,
        )
        yield GaugeMetricFamily(
            "campusgauge_agent_spool_bytes", "Bytes used by the spool", value=counts.used_bytes
        )
        yield CounterMetricFamily(
            "campusgauge_agent_spool_dropped_readings",
            "Readings dropped from a full spool, or as too old",
            value=counts.dropped_total,
        )
        yield CounterMetricFamily(
            "campusgauge_agent_rejected_readings",
            "Readings refused by the collector for good",
            value=counts.rejected_total,
        )
        yield CounterMetricFamily(
            "campusgauge_agent_unshown_readings",
            "Readings left out of this page because there are too many targets",
            value=self._latest.left_out(),
        )
        push = self._push_state()
        yield CounterMetricFamily(
            "campusgauge_agent_push_failures",
            "Pushes that the collector did not confirm",
            value=push.attempts_failed,
        )
        if push.last_success is not None:
            yield GaugeMetricFamily(
                "campusgauge_agent_push_success_timestamp_seconds",
                "When the collector last confirmed a batch",
                value=push.last_success.timestamp(),
            )
        runs = CounterMetricFamily(
            "campusgauge_agent_probe_runs", "Runs of a probe by result", labels=["probe", "result"]
        )
        for (probe, result), count in sorted(self._latest.runs().items()):
            runs.add_metric([probe, result], count)
        yield runs


def _outcomes(readings: Iterable[Reading]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    outcome = GaugeMetricFamily(
        "campusgauge_reading_outcome",
        "1 for the outcome and reason of the last reading of a target",
        labels=["probe", "target", "outcome", "reason"],
    )
    moment = GaugeMetricFamily(
        "campusgauge_reading_timestamp_seconds",
        "When the last reading of a target was taken",
        labels=["probe", "target"],
    )
    for reading in readings:
        place = [reading.probe, reading.target]
        outcome.add_metric([*place, str(reading.outcome), reading.reason or ""], 1)
        moment.add_metric(place, reading.time.timestamp())
    yield outcome
    yield moment
