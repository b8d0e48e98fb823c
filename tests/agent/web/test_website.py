"""The school's web site as the real nginx serves it: sound, broken, filtered and out of date."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.probes.base import Context
from agent.probes.website import Site, Website, WebsiteSettings
from agent.reading import Outcome, Reading

from .conftest import SIGN_IN, WebSite

HOME = (
    '<html><head><meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>示例小学</title></head><body><p>示例小学欢迎您</p></body></html>"
)
MONDAY = datetime(2026, 9, 7, 2, tzinfo=UTC)
"""Ten in the morning in China, of a full teaching week."""


def look(url: str, web_site: WebSite, **more: str) -> Reading:
    """Visit a start page once; return the reading."""
    site = Site(name="official", url=url, **more)
    settings = WebsiteSettings(sites=(site,), ca_file=web_site.ca_file, answer_within_s=2.0)
    (reading,) = Website().collect(settings, Context())
    return reading


def test_a_sound_site(web_site: WebSite) -> None:
    """HTTPS, a verified certificate with its days, and a page for phones."""
    web_site.write("index.html", HOME)
    reading = look(web_site.url, web_site, expect_text="示例小学")
    assert (reading.outcome, reading.reason) == (Outcome.OK, None)
    values = dict(reading.values)
    assert values.pop("certificate_left_days") == pytest.approx(45, abs=0.1)
    assert 0 < values.pop("response_ms") < 2000
    assert values == {
        "works": 1,
        "works_on_phones": 1,
        "fits_phones": 1,
        "https": 1,
        "redirects_count": 0,
    }
    assert reading.details["certificate_issuer"] == "County"


def test_redirects_to_https_are_followed_and_kept(web_site: WebSite) -> None:
    """The chain is evidence; the certificate is that of the last server."""
    web_site.write("index.html", HOME)
    reading = look(f"http://localhost:{web_site.http}/", web_site, expect_text="示例小学")
    assert reading.values["redirects_count"] == 1
    assert reading.values["https"] == 1
    assert reading.details["chain"] == [f"http://localhost:{web_site.http}/", web_site.url]


def test_a_site_without_encryption(web_site: WebSite) -> None:
    """It works, and it is not encrypted."""
    web_site.write("index.html", HOME.encode("gbk"))
    reading = look(web_site.plain("/plain/index.html"), web_site, expect_text="示例小学")
    assert (reading.values["works"], reading.values["https"]) == (1, 0)
    assert "certificate_left_days" not in reading.values


@pytest.mark.parametrize(
    ("port", "reason"), [("expired", "web_tls_expired"), ("misnamed", "web_tls_wrong_name")]
)
def test_a_certificate_that_browsers_refuse(web_site: WebSite, port: str, reason: str) -> None:
    """The site is there and not sound: observed, with what is wrong."""
    reading = look(f"https://localhost:{getattr(web_site, port)}/", web_site)
    assert (reading.outcome, reading.reason) == (Outcome.OK, reason)
    assert reading.values == {"https": 0}


def test_an_authority_that_nobody_trusts(web_site: WebSite) -> None:
    """Without the bureau's authority the same certificate is not trusted."""
    settings = WebsiteSettings(sites=(Site(name="official", url=web_site.url),))
    (reading,) = Website().collect(settings, Context())
    assert (reading.reason, dict(reading.values)) == ("web_tls_untrusted", {"https": 0})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/broken", "website_status"),
        ("/loop", "web_redirect_loop"),
        ("/elsewhere", "web_redirected_elsewhere"),
    ],
)
def test_what_is_no_page_of_the_site_says_so(web_site: WebSite, path: str, reason: str) -> None:
    """One failed reading with the reason; no value is made up."""
    web_site.write("index.html", HOME)
    reading = look(web_site.plain(path), web_site)
    assert (reading.outcome, reading.reason, dict(reading.values)) == (Outcome.FAILED, reason, {})


def test_a_sign_in_page_is_not_the_site(web_site: WebSite) -> None:
    """What the network's own page shows in place of the site is recognised."""
    web_site.write("index.html", SIGN_IN)
    assert look(web_site.url, web_site, expect_text="示例小学").reason == "website_sign_in_page"
    web_site.write("index.html", "<title>该网站已被拦截</title>")
    reading = look(web_site.url, web_site, expect_text="示例小学")
    assert reading.reason == "website_not_the_expected_page"


def test_a_site_that_turns_phones_away(web_site: WebSite) -> None:
    """Desktop and phone are visited separately."""
    reading = look(web_site.plain("/no-phones"), web_site)
    assert (reading.values["works"], reading.values["works_on_phones"]) == (1, 0)
    assert reading.reason == "website_fails_on_phones"


def test_nobody_there(web_site: WebSite) -> None:
    """A refused connection, a name that is none, something that is no HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert look(f"http://127.0.0.1:{port}/", web_site).reason == "web_refused"
    assert look("http://no-such-host.invalid/", web_site).reason == "web_name_unresolved"
    assert look(f"http://127.0.0.1:{web_site.https}/", web_site).reason == "website_status"
    assert look(f"https://localhost:{web_site.http}/", web_site).reason == "web_tls_broken"


def test_a_server_of_crumbs_cannot_hold_the_probe(web_site: WebSite) -> None:
    """One byte every tenth of a second is over at the deadline, as a time-out."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, stop))
        thread.start()
        started_s = time.monotonic()
        reading = look(f"http://127.0.0.1:{listener.getsockname()[1]}/", web_site)
        took_s = time.monotonic() - started_s
        stop.set()
        thread.join()
    assert reading.reason == "web_timeout"
    assert took_s < 3


def drip(listener: socket.socket, stop: threading.Event) -> None:
    """Answer one client very slowly."""
    client, _ = listener.accept()
    with client:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
            if stop.wait(0.1):
                return
            try:
                client.send(bytes([byte]))
            except OSError:
                return


def news(count: int) -> str:
    """Return a list page with its menu and the newest twenty posts."""
    rows = "".join(
        f'<li><a href="/news/{n}.html">学校举行第{n}次教研活动</a></li>'
        for n in range(count, max(count - 20, 0), -1)
    )
    return f'<title>新闻</title><a href="/about">学校概况与历史沿革</a><ul>{rows}</ul>'


def test_weeks_of_news(web_site: WebSite, tmp_path: Path) -> None:
    """Each finished week yields its posts once, at its last look; the first week none."""
    web_site.write("index.html", HOME)
    site = Site(name="official", url=web_site.url, list_urls=(f"{web_site.url}news.html",))
    settings = WebsiteSettings(sites=(site,), ca_file=web_site.ca_file)
    total, weeks = 30, []
    for day in range(22):
        total += (0, 12, 7, 1)[day // 7] if day % 7 == 2 else 0
        web_site.write("news.html", news(total))
        moment = MONDAY + timedelta(days=day)
        context = Context(now=lambda moment=moment: moment, state_dir=tmp_path)
        readings = list(Website().collect(settings, context))
        weeks += [one for one in readings if "posts_in_week" in one.values]
        assert all(one.outcome is Outcome.OK for one in readings)
    assert [(one.details["week"], one.values["posts_in_week"]) for one in weeks] == [
        ("2026-W38", 12),
        ("2026-W39", 7),
    ]
    assert weeks[0].time == MONDAY + timedelta(days=13)
    assert "学校举行第42次教研活动" in weeks[0].details["headlines"]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (SIGN_IN, "website_sign_in_page"),
        ("<div id=app></div><script src=app.js></script>", "website_list_without_posts"),
    ],
)
def test_a_list_that_cannot_be_read(
    web_site: WebSite, tmp_path: Path, page: str, reason: str
) -> None:
    """A list behind an account or drawn by a script fails alone; the site still counts."""
    web_site.write("index.html", HOME)
    web_site.write("news.html", page)
    site = Site(name="official", url=web_site.url, list_urls=(f"{web_site.url}news.html",))
    settings = WebsiteSettings(sites=(site,), ca_file=web_site.ca_file)
    start, listed = Website().collect(settings, Context(state_dir=tmp_path))
    assert start.outcome is Outcome.OK
    assert (listed.outcome, listed.reason) == (Outcome.FAILED, reason)


def test_a_damaged_memory_starts_anew(web_site: WebSite, tmp_path: Path) -> None:
    """What cannot be read is set aside; nothing is counted twice or made up."""
    web_site.write("index.html", HOME)
    web_site.write("news.html", news(10))
    site = Site(name="official", url=web_site.url, list_urls=(f"{web_site.url}news.html",))
    settings = WebsiteSettings(sites=(site,), ca_file=web_site.ca_file)
    context = Context(now=lambda: MONDAY, state_dir=tmp_path)
    list(Website().collect(settings, context))
    (memory,) = tmp_path.glob("posts-*.json")
    for broken in (b'{"version": 1', b"\xff\xfe\x00", b'{"version": 1, "known": [], "weeks": 3}'):
        memory.write_bytes(broken)
        readings = list(Website().collect(settings, context))
        assert [one.outcome for one in readings] == [Outcome.OK]
        assert list(tmp_path.glob("*.damaged"))
