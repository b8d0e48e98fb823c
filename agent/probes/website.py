"""Probe `website`: whether the school's web site works for visitors, and how often it has news.

What: one reading per site (answer, certificate, phones), and one per finished ISO week with the
number of posts first seen in it.

Rights: none.

Settings: `sites`, each with `name`, `url` (the start page), `list_urls` (pages that list news),
`expect_text` (words that only the real site shows, such as the school's name), `other_hosts` (hosts
that the site or its news may lead to), `shortest_headline` (characters of a headline); `ca_file`,
`answer_within_s`, `max_bytes` of one page.

Metrics: see `Website.metrics`. The target is the site's name.

What makes it invalid: a sign-in page or filter in between (`website_sign_in_page`,
`web_redirected_elsewhere`, `website_not_the_expected_page`); lists that a script draws
(`website_list_without_posts`); news on other platforms only; weeks with looks on fewer than six
days. Posts are counted when first seen: what was there at the first look counts nowhere.

Evidence kept: the redirects, the certificate's issuer and end, the headlines of each week.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.web.fetch import Fetched
    from agent.web.page import Page
    from agent.web.posts import Post, Week

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """One web site; see the module's text."""

    name: str
    url: str
    list_urls: tuple[str, ...] = ()
    expect_text: str = ""
    other_hosts: tuple[str, ...] = ()
    shortest_headline: int = 6

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a site needs a name")
        for url in (self.url, *self.list_urls):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"site {self.name!r}: not an http(s) address: {url!r}")
        if len(self.list_urls) > 12:
            raise ValueError(f"site {self.name!r}: at most 12 list_urls")
        if not 2 <= self.shortest_headline <= 40:
            raise ValueError("shortest_headline must be between 2 and 40")


@dataclass(frozen=True, kw_only=True)
class WebsiteSettings:
    """See the module's text."""

    sites: tuple[Site, ...] = ()
    ca_file: Path | None = None
    answer_within_s: float = 10.0
    max_bytes: int = 2_000_000

    def __post_init__(self) -> None:
        names = [site.name for site in self.sites]
        if len(set(names)) != len(names):
            raise ValueError("every site needs a name of its own")
        if len(names) > 5:
            raise ValueError("at most 5 sites")
        if not 1 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 1 and 30")
        if not 10_000 <= self.max_bytes <= 20_000_000:
            raise ValueError("max_bytes must be between 10000 and 20000000")


class Website(Probe[WebsiteSettings]):
    """The school's web sites, once an hour."""

    name = "website"
    title = "学校网站"
    interval_s = 3600.0
    timeout_s = 600.0
    cost = Cost.HEAVY
    settings_type = WebsiteSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("works", "bool", "Whether the start page came, to a desktop browser: 1 yes, 0 no"),
        Metric("works_on_phones", "bool", "Whether it came to a phone's browser: 1 yes, 0 no"),
        Metric("fits_phones", "bool", "Whether the page is laid out for a phone's width"),
        Metric("https", "bool", "Whether it came encrypted, its certificate verified"),
        Metric("certificate_left_days", "d", "Days until the certificate ends"),
        Metric("response_ms", "ms", "Time until the start page was there, redirects included"),
        Metric("redirects_count", "count", "Redirects on the way to the start page"),
        Metric("posts_in_week", "posts/week", "Posts first seen in a finished ISO week"),
    )

    def idle_reason(self, settings: WebsiteSettings) -> str | None:
        """Without a site there is nothing to look at."""
        return None if settings.sites else "website_not_named"

    def collect(self, settings: WebsiteSettings, context: Context) -> Iterable[Reading]:
        """Yield, for each site, what a visitor meets and the weeks that are over.

        Raises ProbeError `website_not_named`.
        """
        if not settings.sites:
            raise ProbeError("website_not_named", outcome=Outcome.SKIPPED)
        for site in settings.sites:
            try:
                yield look_at(site, settings, context)
            except TroubleError as error:
                yield _failure(site, error, context)
            if site.list_urls:
                try:
                    yield from _look_for_posts(site, settings, context)
                except TroubleError as error:
                    yield _failure(site, error, context)


@dataclass
class _Visit:
    """What a start page gave."""

    values: dict[str, float] = field(default_factory=dict)
    details: dict[str, Json] = field(default_factory=dict)
    reason: str | None = None


def look_at(site: Site, settings: WebsiteSettings, context: Context) -> Reading:
    """Visit the start page with a desktop's and a phone's browser name.

    Raises TroubleError where the page could not be had, or is not the site's.
    """
    from agent.web.visit import DESKTOP, PHONE, visit_page

    visit = _Visit()
    try:
        fetched, page = visit_page(site.url, site, settings, DESKTOP)
    except TroubleError as error:
        if not error.reason.startswith("web_tls_"):
            raise
        # The server is there and its certificate is not sound: that is an observation.
        visit.values["https"] = 0.0
        visit.reason = error.reason
        visit.details["detail"] = error.detail
    else:
        _describe(visit, fetched, page, context)
        try:
            visit_page(site.url, site, settings, PHONE)
            visit.values["works_on_phones"] = 1.0
        except TroubleError as error:
            visit.values["works_on_phones"] = 0.0
            visit.reason = "website_fails_on_phones"
            visit.details["on_phones"] = f"{error.reason}: {error.detail}"
    return Reading(
        probe=Website.name,
        target=site.name,
        time=context.now(),
        outcome=Outcome.OK,
        reason=visit.reason,
        values=visit.values,
        labels={"site": site.name},
        details={"url": site.url, **visit.details},
    )


def _describe(visit: _Visit, fetched: Fetched, page: Page, context: Context) -> None:
    visit.values |= {
        "works": 1.0,
        "https": float(fetched.certificate is not None),
        "fits_phones": float(page.fits_phones),
        "response_ms": fetched.duration_ms,
        "redirects_count": float(len(fetched.chain) - 1),
    }
    visit.details |= {
        "chain": list(fetched.chain),
        "status": fetched.status,
        "title": page.title[:120],
        "viewport": page.viewport,
        "widest_px": page.widest_px,
    }
    if fetched.certificate is not None:
        left = fetched.certificate.not_after - context.now()
        visit.values["certificate_left_days"] = max(left.total_seconds() / SECONDS_A_DAY, 0.0)
        visit.details["certificate_issuer"] = fetched.certificate.issuer
        visit.details["certificate_until"] = fetched.certificate.not_after.isoformat()


def _look_for_posts(site: Site, settings: WebsiteSettings, context: Context) -> Iterator[Reading]:
    """Yield finished weeks, and what kept a list from being read."""
    from agent.web.posts import (
        finished_weeks,
        forget_old_weeks,
        load_memory,
        note_look,
        save_memory,
    )

    if context.state_dir is None:
        raise TroubleError("website_posts_not_kept")
    path = context.state_dir / f"posts-{hashlib.sha256(site.name.encode()).hexdigest()[:12]}.json"
    memory = load_memory(path)
    lists: dict[str, list[Post]] = {}
    for url in site.list_urls:
        try:
            lists[url] = _read_list(url, site, settings)
        except TroubleError as error:
            yield _failure(site, error, context, url)
    if lists:
        note_look(memory, lists, context.now())
    for name, week in finished_weeks(memory, context.now()):
        yield _week_reading(site, name, week, context)
        week.is_reported = True
    forget_old_weeks(memory)
    save_memory(path, memory)


def _read_list(url: str, site: Site, settings: WebsiteSettings) -> list[Post]:
    from agent.web.posts import posts_of
    from agent.web.visit import DESKTOP, visit_page

    fetched, page = visit_page(url, site, settings, DESKTOP)
    posts = posts_of(page.links, fetched.url, site.other_hosts, site.shortest_headline)
    if not posts:
        is_sign_in = page.has_password_field
        reason = "website_sign_in_page" if is_sign_in else "website_list_without_posts"
        raise TroubleError(reason, f"{url}: {page.title}")
    return posts


def _week_reading(site: Site, name: str, week: Week, context: Context) -> Reading:
    """Report a week that is over, at the time of its last look: the count as it was then.

    A week in which a list was replaced is void: its new posts could not be told from the old.
    """
    from agent.web.posts import FULL_WEEK_DAYS

    is_full = len(week.days) >= FULL_WEEK_DAYS
    outcome, reason = (
        (Outcome.OK, None) if is_full else (Outcome.FAILED, "website_week_not_watched")
    )
    if is_full and week.lists_replaced:
        outcome, reason = Outcome.LIMITED, "list_replaced"
    return Reading(
        probe=Website.name,
        target=site.name,
        time=datetime.fromisoformat(week.last_look) if is_full else context.now(),
        outcome=outcome,
        reason=reason,
        values={"posts_in_week": float(week.posts)} if is_full else {},
        labels={"site": site.name},
        limited_by=("list_replaced",) if outcome is Outcome.LIMITED else (),
        details={
            "week": name,
            "posts": week.posts,
            "headlines": list(week.headlines),
            "days_looked": len(week.days),
            "lists_replaced": week.lists_replaced,
        },
    )


def _failure(site: Site, error: TroubleError, context: Context, url: str = "") -> Reading:
    return Reading(
        probe=Website.name,
        target=site.name,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=error.reason,
        labels={"site": site.name},
        details={"url": url or site.url, "detail": error.detail},
    )
