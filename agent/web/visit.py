"""Visiting a page of a site, as a desktop or a phone, and making sure that it is the site's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.trouble import TroubleError
from agent.web.fetch import Ask, Fetched, fetch
from agent.web.page import Page, decode_page, read_page

if TYPE_CHECKING:
    from agent.probes.website import Site, WebsiteSettings

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Mobile) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0 Mobile Safari/537.36 CampusGauge"
)
DESKTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0 Safari/537.36 CampusGauge"
)


def visit_page(
    url: str, site: Site, settings: WebsiteSettings, browser: str
) -> tuple[Fetched, Page]:
    """Fetch and read one page of the site. Raises TroubleError where it is not the site's."""
    ask = Ask(
        within_s=settings.answer_within_s,
        max_bytes=settings.max_bytes,
        ca_file=settings.ca_file,
        headers={
            "User-Agent": browser,
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.5",
            "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
        },
    )
    fetched = fetch(url, ask)
    if not is_own_host(fetched.url, url, site.other_hosts):
        raise TroubleError("web_redirected_elsewhere", " → ".join(fetched.chain))
    if not 200 <= fetched.status < 300:
        raise TroubleError("website_status", f"{fetched.url}: HTTP {fetched.status}")
    page_text = decode_page(fetched.body, fetched.headers.get("content-type", ""))
    page = read_page(page_text)
    if url == site.url and site.expect_text and site.expect_text not in page_text:
        reason = "website_sign_in_page" if page.has_password_field else None
        raise TroubleError(reason or "website_not_the_expected_page", page.title)
    return fetched, page


def is_own_host(final_url: str, asked_url: str, other_hosts: Iterable[str]) -> bool:
    """Whether a redirect stayed with the site: same host, with or without www, or a named one."""
    final, asked = (urlsplit(url).hostname or "" for url in (final_url, asked_url))
    return final.removeprefix("www.") == asked.removeprefix("www.") or final in set(other_hosts)
