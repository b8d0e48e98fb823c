"""Probe `sensor_platform`: which kinds of sensors have sent data within the last 24 hours (Q18).

What: each listed platform is asked once an hour for one JSON document; per kind of sensor a pointer
(RFC 6901) says where in it the time of the newest record stands.

Rights: none; a token where the platform wants one.

Settings: `platforms`, each with `name`, `url`, `newest` (kind -> pointer, such as
`{ people = "/gates/0/last_time" }`) and `token_file` (TOML, mode 0600: `token = "…"`); kinds are
`facilities`, `hazardous_goods`, `people`, `vehicles`, `teaching_and_library`, `consumption`;
`utc_offset_hours` of times without an offset; `ca_file`, `answer_within_s`, `max_bytes`.

Metrics: see `SensorPlatform.metrics`. The target is the kind, and `kinds` for all together.

What makes it invalid: test data look like any other. A platform that could not be read leaves its
kinds unknown, and the count is then a lower bound (`sensor_platform_unread`). Kinds that nobody
listed are not counted.

Evidence kept: time of the newest record, as the platform wrote it. No record is kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

NOT_NAMED = "sensor_platform_not_named"
FRESH_HOURS = 24.0
CLOCKS_APART_HOURS = 0.25
"""A record may be this far ahead of this host's clock."""
_MILLISECONDS_FROM = 1e11
"""A number above this is no second of our time (it would lie in the year 5138)."""


class SensorKind(StrEnum):
    """The six kinds of 附件3-2 and 3-3, item 5."""

    FACILITIES = "facilities"
    HAZARDOUS_GOODS = "hazardous_goods"
    PEOPLE = "people"
    VEHICLES = "vehicles"
    TEACHING_AND_LIBRARY = "teaching_and_library"
    CONSUMPTION = "consumption"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One platform; see the module's text."""

    name: str
    url: str
    newest: dict[str, str] = field(default_factory=dict)
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.newest:
            raise ValueError("a platform needs a name, and `newest` (kind -> pointer)")
        known = [kind.value for kind in SensorKind]
        for kind, pointer in self.newest.items():
            if kind not in known:
                raise ValueError(f"platform {self.name!r}: kind {kind!r}; known: {known}")
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"platform {self.name!r}: pointer {pointer!r} starts with /")
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"platform {self.name!r}: not an http(s) address: {self.url!r}")
        if self.token_file and parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError(f"platform {self.name!r}: a token needs https")


@dataclass(frozen=True, kw_only=True)
class SensorPlatformSettings:
    """See the module's text."""

    platforms: tuple[Platform, ...] = ()
    utc_offset_hours: float = 8.0
    ca_file: Path | None = None
    answer_within_s: float = 10.0
    max_bytes: int = 2_000_000

    def __post_init__(self) -> None:
        names = [one.name for one in self.platforms]
        if len(set(names)) != len(names) or len(names) > 20:
            raise ValueError("at most 20 platforms, each with a name of its own")
        if not -14 <= self.utc_offset_hours <= 14:
            raise ValueError("utc_offset_hours must be between -14 and 14")
        if not 1 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 1 and 30")
        if not 1000 <= self.max_bytes <= 20_000_000:
            raise ValueError("max_bytes must be between 1000 and 20000000")


class SensorPlatform(Probe[SensorPlatformSettings]):
    """Kinds of sensors that report."""

    name = "sensor_platform"
    title = "物联感知数据"
    interval_s = 3600.0
    timeout_s = 700.0
    cost = Cost.HEAVY
    settings_type = SensorPlatformSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reporting", "bool", "Whether the kind sent data in the last 24 hours: 1 yes, 0 no"),
        Metric("newest_age_hours", "h", "Age of the kind's newest record"),
        Metric("kinds_reporting_count", "count", "Kinds that sent data in the last 24 hours"),
    )

    def idle_reason(self, settings: SensorPlatformSettings) -> str | None:
        """Without a platform there is nothing to ask."""
        return None if settings.platforms else NOT_NAMED

    def collect(self, settings: SensorPlatformSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per kind, then the count. Raises ProbeError."""
        if not settings.platforms:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        found: dict[str, Reading] = {}
        for platform in settings.platforms:
            for reading in _kinds_of(platform, settings, context):
                before = found.get(reading.target)
                if before is None or _freshness(reading) > _freshness(before):
                    found[reading.target] = reading
        yield from found.values()
        yield count(found, context.now())


def _kinds_of(
    platform: Platform, settings: SensorPlatformSettings, context: Context
) -> Iterator[Reading]:
    """Yield one reading per kind of one platform."""
    blank = Reading(
        SensorPlatform.name, "", context.now(), Outcome.OK, labels={"platform": platform.name}
    )
    try:
        document = read_document(platform, settings)
    except TroubleError as error:
        for kind in platform.newest:
            details: dict[str, Json] = {"detail": error.detail}
            yield failed(replace(blank, target=kind), error.reason, details)
        return
    for kind, pointer in platform.newest.items():
        try:
            said = value_at(document, pointer)
            newest = parse_time(said, settings.utc_offset_hours)
            yield judge(replace(blank, target=kind), said, newest)
        except TroubleError as error:
            details = {"pointer": pointer, "detail": error.detail}
            yield failed(replace(blank, target=kind), error.reason, details)


def read_document(platform: Platform, settings: SensorPlatformSettings) -> Any:
    """Fetch a platform's JSON document. Raises TroubleError."""
    import json

    from agent.web.fetch import Ask, fetch

    headers = {"Accept": "application/json"}
    if platform.token_file is not None:
        headers["Authorization"] = f"Bearer {_read_token(platform.token_file)}"
    ask = Ask(
        within_s=settings.answer_within_s,
        max_bytes=settings.max_bytes,
        headers=headers,
        ca_file=settings.ca_file,
        follow_redirects=platform.token_file is None,
    )
    fetched = fetch(platform.url, ask)
    if fetched.status in {401, 403}:
        raise TroubleError("sensor_platform_refused", f"HTTP {fetched.status}")
    if fetched.status != 200 or fetched.is_cut:
        cut = f", more than {settings.max_bytes} bytes" if fetched.is_cut else ""
        raise TroubleError("sensor_platform_no_json", f"HTTP {fetched.status}{cut}")
    try:
        return json.loads(fetched.body)
    except (ValueError, RecursionError) as error:
        raise TroubleError("sensor_platform_no_json", str(error)) from error


def _read_token(path: Path) -> str:
    from agent.private_file import OpenToOthersError, read_private_toml

    try:
        token = read_private_toml(path).get("token")
    except OpenToOthersError as error:
        raise TroubleError("token_file_open", str(path)) from error
    except (OSError, ValueError) as error:
        raise TroubleError("token_file_unreadable", f"{path}: {type(error).__name__}") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise TroubleError("token_file_unreadable", f'{path}: one line, token = "…"')
    return token


def value_at(document: Any, pointer: str) -> Any:
    """Return what an RFC 6901 pointer leads to. Raises TroubleError `sensor_pointer_wrong`.

    Ten lines, so that a school's host needs no package for them.
    """
    here = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isascii() and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        elif here == [] and key.isdecimal():
            return None  # an empty list of records: the kind has no data
        else:
            raise TroubleError("sensor_pointer_wrong", f"{pointer}: nothing at {step!r}")
    return here


def parse_time(said: Any, utc_offset_hours: float) -> datetime | None:
    """Return the instant of ISO 8601 text or of seconds or milliseconds since 1970; None for none.

    Raises TroubleError `sensor_time_unreadable`.
    """
    if said is None or said == "":
        return None
    try:
        if isinstance(said, str) and not said.isdecimal():
            moment = datetime.fromisoformat(said.strip().replace("/", "-"))
            zone = timezone(timedelta(hours=utc_offset_hours))
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        is_number = isinstance(said, int | float | str) and not isinstance(said, bool)
        number = float(said if is_number else "neither text nor number")
        return datetime.fromtimestamp(number / (1000 if number > _MILLISECONDS_FROM else 1), UTC)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise TroubleError("sensor_time_unreadable", f"{said!r:.80}: {error}") from error


def judge(blank: Reading, said: Any, newest: datetime | None) -> Reading:
    """Return the reading of a kind from the time of its newest record. Pure."""
    details: dict[str, Json] = {"newest": str(said)[:60]}
    if newest is None:
        values = {"reporting": 0.0}
        return replace(blank, reason="sensor_no_data", values=values)
    age_hours = (blank.time - newest).total_seconds() / 3600
    if age_hours < -CLOCKS_APART_HOURS:
        return failed(blank, "sensor_time_ahead", details)
    is_fresh = age_hours <= FRESH_HOURS
    return replace(
        blank,
        reason=None if is_fresh else "sensor_data_old",
        values={"reporting": float(is_fresh), "newest_age_hours": max(age_hours, 0.0)},
        details=details,
    )


def failed(blank: Reading, reason: str, details: dict[str, Json]) -> Reading:
    """Return the reading of a kind of which nothing is known."""
    return replace(blank, outcome=Outcome.FAILED, reason=reason, details=details)


def _freshness(reading: Reading) -> float:
    """Order readings of one kind from several platforms: the one that reports counts."""
    return reading.values.get("reporting", -1.0)


def count(kinds: Mapping[str, Reading], now: datetime) -> Reading:
    """Return how many kinds report; a lower bound while one of them is unknown. Pure."""
    unknown = sorted(kind for kind, one in kinds.items() if "reporting" not in one.values)
    reporting = sorted(kind for kind, one in kinds.items() if one.values.get("reporting") == 1)
    if len(unknown) == len(kinds):
        reason = next(iter(kinds.values())).reason
        return Reading(SensorPlatform.name, "kinds", now, Outcome.FAILED, reason)
    return Reading(
        probe=SensorPlatform.name,
        target="kinds",
        time=now,
        outcome=Outcome.LIMITED if unknown else Outcome.OK,
        reason="sensor_platform_unread" if unknown else None,
        values={"kinds_reporting_count": float(len(reporting))},
        limited_by=("sensor_platform_unread",) if unknown else (),
        details={"reporting": list(reporting), "unknown": list(unknown)},
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
