"""Probe `single_sign_on`: whether the portal answers and systems share one sign-in (Q19).

What: the portal and each listed system are opened without signing in, four times a day. A system
that sends the visitor on to the identity server is behind the common sign-in.

Rights: none. Nothing is typed in and no password is kept: signing in is a person's to try.

Settings: `portal_url`, `systems` (name -> address), `identity_hosts` (names of the servers where
people sign in); `ca_file`, `answer_within_s`, `max_bytes`.

Metrics: see `SingleSignOn.metrics`. The targets are `portal`, each system, and `systems` for the
count.

What makes it invalid: redirects by script are not followed. A page that neither sends the visitor
on nor asks for a password says nothing (`sso_nothing_seen`), and the count is then a lower bound,
as it is when a system did not answer.

Evidence kept: the chain of redirects without its queries, the page's title.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.web.fetch import Fetched
    from agent.web.page import Page

NOT_NAMED = "sso_not_named"
UNKNOWN = "sso_nothing_seen"


@dataclass(frozen=True, kw_only=True)
class SingleSignOnSettings:
    """See the module's text."""

    portal_url: str = ""
    systems: dict[str, str] = field(default_factory=dict)
    identity_hosts: tuple[str, ...] = ()
    ca_file: Path | None = None
    answer_within_s: float = 10.0
    max_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        for url in (self.portal_url or "http://", *self.systems.values()):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"not an http(s) address: {url!r}")
        if len(set(self.systems.values())) != len(self.systems) or len(self.systems) > 40:
            raise ValueError("at most 40 systems, each with an address of its own")
        if {"portal", "systems"} & set(self.systems):
            raise ValueError("a system may not be called portal or systems")
        if self.systems and not self.identity_hosts:
            raise ValueError("systems need identity_hosts, the servers where people sign in")
        if not 1 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 1 and 30")
        if not 10_000 <= self.max_bytes <= 20_000_000:
            raise ValueError("max_bytes must be between 10000 and 20000000")


class SingleSignOn(Probe[SingleSignOnSettings]):
    """Portal and systems, as a visitor meets them."""

    name = "single_sign_on"
    title = "统一门户与单点登录"
    interval_s = 21_600.0
    timeout_s = 1300.0
    cost = Cost.HEAVY
    settings_type = SingleSignOnSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("portal_works", "bool", "Whether the portal's page came: 1 yes, 0 no"),
        Metric("sent_to_identity", "bool", "Whether the system sent the visitor on to sign in"),
        Metric("systems_count", "count", "Systems that send visitors to the identity server"),
    )

    def idle_reason(self, settings: SingleSignOnSettings) -> str | None:
        """Without an address there is nothing to open."""
        return None if settings.portal_url or settings.systems else NOT_NAMED

    def collect(self, settings: SingleSignOnSettings, context: Context) -> Iterable[Reading]:
        """Yield the portal, each system and the count. Raises ProbeError `sso_not_named`."""
        if self.idle_reason(settings) is not None:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        if settings.portal_url:
            yield _portal(settings, context)
        found: dict[str, Reading] = {}
        for name, url in settings.systems.items():
            try:
                found[name] = judge(name, url, *_open(url, settings), settings, context.now())
            except TroubleError as error:
                found[name] = _failure(name, error, context)
            yield found[name]
        if found:
            yield count(found, context.now())


def _open(url: str, settings: SingleSignOnSettings) -> tuple[Fetched, Page]:
    """Open an address as a desktop browser that was never there. Raises TroubleError."""
    from agent.web.fetch import Ask, fetch
    from agent.web.page import decode_page, read_page
    from agent.web.visit import DESKTOP

    ask = Ask(
        within_s=settings.answer_within_s,
        max_bytes=settings.max_bytes,
        ca_file=settings.ca_file,
        headers={
            "User-Agent": DESKTOP,
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.5",
            "Cache-Control": "no-cache",
        },
    )
    fetched = fetch(url, ask)
    return fetched, read_page(decode_page(fetched.body, fetched.headers.get("content-type", "")))


def _portal(settings: SingleSignOnSettings, context: Context) -> Reading:
    try:
        fetched, page = _open(settings.portal_url, settings)
    except TroubleError as error:
        return _failure("portal", error, context)
    works = 200 <= fetched.status < 300
    return Reading(
        probe=SingleSignOn.name,
        target="portal",
        time=context.now(),
        outcome=Outcome.OK,
        reason=None if works else "sso_portal_status",
        values={"portal_works": float(works)},
        details=_evidence(fetched, page),
    )


def judge(
    name: str,
    url: str,
    fetched: Fetched,
    page: Page,
    settings: SingleSignOnSettings,
    now: datetime,
) -> Reading:
    """Say whether a system sent the visitor to the identity server. Pure."""
    hosts = {host.lower() for host in settings.identity_hosts}
    sent_to = {_host(one) for one in fetched.chain[1:]}
    is_sent = bool(sent_to & hosts)
    own_sign_in = not is_sent and page.has_password_field and fetched.status < 400
    reason = None
    if not is_sent:
        reason = "sso_own_sign_in" if own_sign_in else UNKNOWN
    is_known = is_sent or own_sign_in
    return Reading(
        probe=SingleSignOn.name,
        target=name,
        time=now,
        outcome=Outcome.OK if is_known else Outcome.LIMITED,
        reason=reason,
        values={"sent_to_identity": float(is_sent)} if is_known else {},
        limited_by=() if is_known else (UNKNOWN,),
        details={"url": url, **_evidence(fetched, page)},
    )


def count(systems: Mapping[str, Reading], now: datetime) -> Reading:
    """Return how many systems share the sign-in; a lower bound while one is unknown. Pure."""
    unknown = sorted(name for name, one in systems.items() if "sent_to_identity" not in one.values)
    behind = sorted(name for name, one in systems.items() if one.values.get("sent_to_identity"))
    if len(unknown) == len(systems):
        reason = next(iter(systems.values())).reason
        return Reading(SingleSignOn.name, "systems", now, Outcome.FAILED, reason)
    return Reading(
        probe=SingleSignOn.name,
        target="systems",
        time=now,
        outcome=Outcome.LIMITED if unknown else Outcome.OK,
        reason=UNKNOWN if unknown else None,
        values={"systems_count": float(len(behind))},
        limited_by=(UNKNOWN,) if unknown else (),
        details={"behind": list(behind), "unknown": list(unknown)},
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _evidence(fetched: Fetched, page: Page) -> dict[str, Json]:
    """Return where the visitor was led. Queries are left out: they may hold one-time tickets."""
    chain: list[Json] = [url.partition("?")[0] for url in fetched.chain]
    return {"chain": chain, "status": fetched.status, "title": page.title[:120]}


def _failure(target: str, error: TroubleError, context: Context) -> Reading:
    return Reading(
        probe=SingleSignOn.name,
        target=target,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=error.reason,
        details={"detail": error.detail},
    )
