"""The outlet from four sides: what was bought, what the port can, what tests and traffic showed.

Side by side they say where to look: a port below the contract cannot deliver it, a measurement far
below the traffic's own peak was limited elsewhere, a contract that no test ever reaches is a matter
for the provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from collector.domain import Fact
from collector.storage.ports import GroupSummary, SeriesQuery, SeriesStore
from collector.web.basis import value_views
from collector.web.formatting import Formatter, as_decimal
from rubrics.indicators import Statistic

INDICATOR, CONTRACT_FACT = "outlet_capacity", "contracted_mbps"
PORT_SERIES = "wan_counters.port_speed_mbps"
UPLINK_SERIES = "switch_links.speed_mbps"
PEAK_SERIES = "wan_counters.download_peak_mbps"


@dataclass(frozen=True)
class OutletRecord:
    """What is known of the outlet. Empty summaries: nobody measured it."""

    contract: Fact | None
    measured: Mapping[str, Any] | None
    port: Sequence[GroupSummary]
    port_series: str
    peak: Sequence[GroupSummary]


@dataclass(frozen=True)
class OutletFigure:
    """One of the four figures; `text` is None while it is unknown."""

    slug: str
    name: str
    text: str | None
    note: str
    origin: str
    width: str
    """Length of its bar in percent of the largest figure."""


def read_outlet(
    series: SeriesStore,
    query: SeriesQuery,
    contract: Fact | None,
    measured: Mapping[str, Any] | None,
) -> OutletRecord:
    """Ask for port and peak over the window of `query`, the one that outlet tests are read by."""
    bare = replace(query, labels={}, labels_not={}, target=None, void_causes=())
    latest, uplinks = Statistic.LATEST, {"role": "uplink"}
    port = series.summarise(replace(bare, series=PORT_SERIES, statistic=latest))
    name = PORT_SERIES
    if not port:
        name = UPLINK_SERIES
        port = series.summarise(replace(bare, series=name, statistic=latest, labels=uplinks))
    peak = series.summarise(replace(bare, series=PEAK_SERIES, statistic=Statistic.MAX))
    return OutletRecord(contract, measured, port, name, peak)


def outlet_figures(record: OutletRecord, formatter: Formatter) -> tuple[OutletFigure, ...]:
    """Return contract, port, measurement and peak, in that order; none if nothing is known."""
    _ = formatter.translator.gettext
    contract, measured = record.contract, record.measured or {}
    day = _("截至 %(day)s") % {"day": contract.as_of.isoformat()} if contract else ""
    views, _rest = value_views({**measured, "kind": "measured"}, formatter)
    basis = _("，").join(views[0].basis) if views else ""
    numbers = (
        ("contract", _("合同带宽"), contract.value if contract else None, day,
         f"fact:{CONTRACT_FACT}"),
        ("port", _("端口速率"), _total(record.port), _when(record.port, formatter),
         f"summary:{record.port_series}"),
        ("measured", _("主动测速"), measured.get("value"), basis, f"indicator:{INDICATOR}"),
        ("peak", _("流量峰值"), _total(record.peak), _when(record.peak, formatter),
         f"summary:{PEAK_SERIES}"),
    )  # fmt: skip
    known = [number for row in numbers if (number := as_decimal(row[2])) is not None]
    if not known:
        return ()
    largest = max(*known, Decimal(1))
    return tuple(
        OutletFigure(
            slug=slug,
            name=name,
            text=None if value is None else formatter.quantity(value, "Mbit/s"),
            note=note,
            origin=origin,
            width=f"{100 * (as_decimal(value) or 0) / largest:.2f}%",
        )
        for slug, name, value, note, origin in numbers
    )


def _total(groups: Sequence[GroupSummary]) -> str | None:
    values = [group.value for group in groups if group.value is not None]
    return f"{sum(values):.10g}" if values else None


def _when(groups: Sequence[GroupSummary], formatter: Formatter) -> str:
    times = [group.until for group in groups if group.until]
    if not times:
        return ""
    nget, _ = formatter.translator.ngettext, formatter.translator.gettext
    lines = nget("%(num)s 条线路", "%(num)s 条线路", len(groups)) % {"num": len(groups)}
    return lines + _("，") + _("截至 %(day)s") % {"day": formatter.date(max(times))}
