"""The values of a finding, each with where it comes from: what, how, from how much, since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.web.formatting import Formatter, as_decimal, plain_number

MEASURED_KINDS = frozenset({"measured", "imported"})


@dataclass(frozen=True)
class ValueView:
    """One value with its origin in words: 实测, `980 Mbit/s`, (`p90`, `60 次采样`, `14 天`)."""

    kind: str
    text: str
    basis: tuple[str, ...]
    usable: bool = True
    """False: the number was seen and may not decide."""
    answer: bool = False
    """A yes or no, not a number."""
    origin: str = ""
    """What the value was read from, as `data-origin` on the page: `indicator:outlet_capacity`,
    `fact:contracted_mbps`, `entry:1/wired_points`."""
    indicator: str | None = None
    """The indicator whose page shows the samples."""


def value_views(
    found: Mapping[str, Any], formatter: Formatter, item_id: str = ""
) -> tuple[tuple[ValueView, ...], tuple[ValueView, ...]]:
    """Return the values of a finding: (measured or imported, declared by people or contract)."""
    measured: list[ValueView] = []
    declared: list[ValueView] = []
    seen: set[tuple[object, ...]] = set()
    for written in (found, *(found.get("values") or ())):
        value = {**written, **(written.get("origin") or {})}
        if value.get("value") is None:
            continue
        identity = (value.get("kind"), value.get("name"), str(value["value"]))
        if identity in seen:
            continue
        seen.add(identity)
        side = measured if value.get("kind") in MEASURED_KINDS else declared
        side.append(_value_view(value, formatter, item_id))
    return tuple(measured), tuple(declared)


def _value_view(value: Mapping[str, Any], formatter: Formatter, item_id: str) -> ValueView:
    source, name = value.get("source"), value.get("name")
    place = f"{item_id}/{name}" if source == "entry" else name
    return ValueView(
        kind=kind_word(value.get("kind"), formatter),
        text=formatter.quantity(value["value"], value.get("unit")),
        basis=tuple(_basis(value, formatter)),
        usable=value.get("usable") is not False,
        answer=isinstance(value["value"], bool),
        origin=f"{source}:{place}" if source and name else "",
        indicator=str(name) if source == "indicator" else None,
    )


def kind_word(kind: str | None, formatter: Formatter) -> str:
    """Name where a value comes from, in one word; an answer without an origin was filled in."""
    _ = formatter.translator.gettext
    words = {
        "measured": _("实测"),
        "imported": _("导入"),
        "declared": _("申报"),
        "contracted": _("合同"),
        "judged": _("人工判定"),
    }
    return words.get(kind or "", _("填报"))


def _basis(value: Mapping[str, Any], formatter: Formatter) -> list[str]:
    _, nget = formatter.translator.gettext, formatter.translator.ngettext
    parts: list[str] = []
    if label := value.get("label_en" if formatter.english else "label"):
        parts.append(str(label))
    if value.get("statistic"):
        parts.append(statistic_word(str(value["statistic"]), formatter))
    if (samples := value.get("samples")) is not None:
        parts.append(nget("%(num)s 次采样", "%(num)s 次采样", int(samples)) % {"num": samples})
    if (days := value.get("days")) is not None:
        parts.append(nget("%(num)s 天", "%(num)s 天", int(days)) % {"num": days})
    if (targets := value.get("targets")) is not None and "targets_declared" in value:
        words = {"num": targets, "all": value["targets_declared"]}
        parts.append(_("已测 %(num)s 个，申报 %(all)s 个") % words)
    if (coverage := as_decimal(value.get("coverage"))) is not None:
        parts.append(_("覆盖 %(share)s%%") % {"share": plain_number(round(coverage * 100, 1))})
    if value.get("since") and value.get("until"):
        since, until = _day(value["since"], formatter), _day(value["until"], formatter)
        parts.append(
            since
            if since == until
            else _("%(since)s 至 %(until)s") % {"since": since, "until": until}
        )
    if excluded := value.get("excluded"):
        number = sum(int(count) for count in excluded.values())
        parts.append(nget("%(num)s 次不计", "%(num)s 次不计", number) % {"num": number})
    if value.get("as_of"):
        parts.append(_("截至 %(day)s") % {"day": _day(value["as_of"], formatter)})
    return parts


def _day(moment: object, formatter: Formatter) -> str:
    """Return the local day of an ISO time or date; what cannot be read is shown as it is."""
    text = str(moment)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text[:10] if parsed.tzinfo is None else formatter.date(parsed)


def statistic_word(statistic: str, formatter: Formatter) -> str:
    """Name a statistic; percentiles stay as professionals write them (p90)."""
    _ = formatter.translator.gettext
    words = {
        "min": _("最小值"),
        "max": _("最大值"),
        "mean": _("平均值"),
        "median": _("中位数"),
        "latest": _("最新值"),
        "median_of_daily_mean": _("日均值的中位数"),
        "up_ratio": _("可用时间占比"),
    }
    return words.get(statistic, statistic)
