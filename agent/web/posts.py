"""Posts of a web site, counted in the week in which they were first seen (Q13).

The date printed beside a post is the site's own word and easily set back; when this host first saw
the post is not. What is on a list at the very first look is of unknown age and counts nowhere.

A post is known by its address. The same headline at a new address counts once a week, so that a
post in two columns, or posted again, is one post.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from agent.system.durable_file import read_or_set_aside, replace_durably, set_aside
from agent.trouble import TroubleError
from agent.web.page import Link

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""School weeks are weeks in China, wherever the host's clock is set; there is no summer time."""
MAX_KNOWN = 5000
"""Addresses remembered of one list; the oldest are forgotten beyond that."""
MAX_HEADLINES = 40
"""Headlines of a week kept as evidence."""
FULL_WEEK_DAYS = 6
"""A week with looks on fewer of its days is not counted (Q13 asks for 80 %)."""
_KEPT_WEEKS = 4
_REPLACED_AT_LEAST = 5


@dataclass(frozen=True, slots=True)
class Post:
    """One post on a list."""

    url: str
    headline: str


@dataclass
class Week:
    """What was seen in one ISO week: `days` are those with a look, `last_look` is a time."""

    posts: int = 0
    days: list[str] = field(default_factory=list)
    last_look: str = ""
    headlines: list[str] = field(default_factory=list)
    headline_hashes: list[str] = field(default_factory=list)
    lists_replaced: int = 0
    is_reported: bool = False


@dataclass
class SiteMemory:
    """What is remembered of one site: known posts by list, weeks by name, the first look."""

    since: str = ""
    known: dict[str, list[str]] = field(default_factory=dict)
    weeks: dict[str, Week] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return it as JSON."""
        return json.dumps({"version": 1, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> SiteMemory:
        """Read what `to_text` wrote. Raises ValueError on anything else."""
        try:
            data: Mapping[str, Any] = json.loads(text)
            if data["version"] != 1:
                raise ValueError("another version")
            known = {str(url): [str(one) for one in found] for url, found in data["known"].items()}
            weeks = {str(name): Week(**week) for name, week in data["weeks"].items()}
            since = str(data["since"])
            datetime.fromisoformat(since)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a memory of posts: {error!r}") from error
        return cls(since, known, weeks)


def load_memory(path: Path) -> SiteMemory:
    """Return what is remembered; a damaged file is set aside, and all is learnt anew.

    Raises TroubleError `website_posts_not_kept` where the disk does not let us.
    """
    try:
        text = read_or_set_aside(path)
        return SiteMemory() if text is None else SiteMemory.from_text(text)
    except ValueError:
        set_aside(path)
    except OSError as error:
        raise TroubleError("website_posts_not_kept", str(error)) from error
    return SiteMemory()


def save_memory(path: Path, memory: SiteMemory) -> None:
    """Write it down durably. Raises TroubleError `website_posts_not_kept`."""
    try:
        replace_durably(path, memory.to_text())
    except OSError as error:
        raise TroubleError("website_posts_not_kept", str(error)) from error


def posts_of(
    links: Iterable[Link], page_url: str, other_hosts: Iterable[str], shortest_headline: int
) -> list[Post]:
    """Return the links of a list page that can be posts, each address once.

    Menus fall out by the length of their words; a menu entry that stays costs nothing, because it
    is there at the first look.
    """
    own = urlsplit(page_url).hostname
    hosts = {own, *other_hosts}
    found: dict[str, Post] = {}
    for link in links:
        try:
            url = urldefrag(urljoin(page_url, link.href)).url
            parts = urlsplit(url)
            is_post = parts.scheme in {"http", "https"} and parts.hostname in hosts
        except ValueError:
            continue
        if is_post and url != page_url and len(link.text) >= shortest_headline:
            found.setdefault(url, Post(url, link.text))
    return list(found.values())


def note_look(memory: SiteMemory, lists: Mapping[str, list[Post]], moment: datetime) -> list[Post]:
    """Remember one look at the site's lists and return the posts that are new.

    A list on which everything is new was replaced (a new site, a new address scheme): its posts
    are learnt and not counted, and the week says so.
    """
    memory.since = memory.since or moment.isoformat(timespec="seconds")
    week = memory.weeks.setdefault(week_of(moment), Week())
    day = moment.astimezone(BEIJING).date().isoformat()
    if day not in week.days:
        week.days.append(day)
    week.last_look = moment.isoformat(timespec="seconds")
    new: dict[str, Post] = {}
    everywhere = {one for known in memory.known.values() for one in known}
    for list_url, posts in lists.items():
        is_first_look = list_url not in memory.known
        known = memory.known.setdefault(list_url, [])
        before = set(known)
        fresh = {_hash(post.url): post for post in posts if _hash(post.url) not in before}
        known += fresh
        del known[:-MAX_KNOWN]
        is_replaced = bool(before) and len(fresh) == len(posts) >= _REPLACED_AT_LEAST
        if is_replaced and not is_first_look:
            week.lists_replaced += 1
        elif not is_first_look:
            new |= {key: post for key, post in fresh.items() if key not in everywhere}
    return [post for post in new.values() if _count(week, post)]


def _count(week: Week, post: Post) -> bool:
    headline = _hash(post.headline)
    if headline in week.headline_hashes:
        return False
    week.headline_hashes.append(headline)
    week.posts += 1
    if len(week.headlines) < MAX_HEADLINES:
        week.headlines.append(post.headline[:80])
    return True


def finished_weeks(memory: SiteMemory, moment: datetime) -> Iterator[tuple[str, Week]]:
    """Yield the weeks that are over, were begun with knowledge, and are not reported yet."""
    current = week_of(moment)
    first = week_of(datetime.fromisoformat(memory.since)) if memory.since else current
    for name, week in sorted(memory.weeks.items()):
        if first < name < current and not week.is_reported:
            yield name, week


def forget_old_weeks(memory: SiteMemory) -> None:
    """Keep the newest weeks only."""
    for name in sorted(memory.weeks)[:-_KEPT_WEEKS]:
        del memory.weeks[name]


def week_of(moment: datetime) -> str:
    """Return the ISO week in China, such as 2026-W47; names sort by time."""
    year, number, _ = moment.astimezone(BEIJING).isocalendar()
    return f"{year}-W{number:02}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
