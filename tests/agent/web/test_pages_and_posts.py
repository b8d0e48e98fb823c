"""Reading pages as schools write them, and telling new posts from old ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web.page import Link, decode_page, read_page
from agent.web.posts import Post, SiteMemory, finished_weeks, note_look, posts_of, week_of

MOMENT = datetime(2026, 9, 7, 2, tzinfo=UTC)
PHONE = '<meta name=viewport content="width=device-width">'
LIST = "https://www.example.edu.cn/news/"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("学校".encode(), "text/html; charset=utf-8"),
        ("学校".encode("gbk"), "text/html; charset=gb2312"),
        (b'<meta charset="gbk">' + "学校简介".encode("gbk"), "text/html"),
        (
            b'<META http-equiv="Content-Type" content="text/html; charset=gb2312">'
            + "学校".encode("gbk"),
            "",
        ),
        ("学校概况与简介".encode("gb18030"), "text/html"),
        ("学校".encode(), "text/html; charset=nonsense"),
        ("学校概况".encode("gbk"), "text/html; charset=hex"),
        ("学校简介".encode()[:-1], ""),
    ],
)
def test_chinese_pages_are_decoded(body: bytes, content_type: str) -> None:
    """By header, by the page, by trying; a charset that is none is passed over."""
    assert "学校" in decode_page(body, content_type)


@pytest.mark.parametrize(
    ("page", "fits"),
    [
        ('<meta name=viewport content="width=device-width,initial-scale=1">', True),
        ("<title>x</title>", False),
        ('<meta name=viewport content="width=1200">', False),
        ('<meta name=viewport content="width=device-width"><table width=980>', False),
        (
            '<meta name=viewport content="width=device-width"><div style="width: 1200px">',
            False,
        ),
        (
            PHONE + "<style>.wrap{margin:0 auto;width:1000px}</style>",
            False,
        ),
        (
            PHONE
            + "<style>@media (min-width:992px){.wrap{width:970px}} .wrap{max-width:1200px}</style>",
            True,
        ),
        ('<meta name=viewport content="width=device-width"><img width=1920>', True),
    ],
)
def test_hints_of_a_layout_for_phones(page: str, fits: bool) -> None:
    """The viewport and the page's own boxes decide; pictures and rules for wide screens do not."""
    assert read_page(page).fits_phones is fits


@given(st.text(max_size=300), st.binary(max_size=300))
def test_no_page_breaks_the_reader(text: str, body: bytes) -> None:
    """Whatever comes, something is read."""
    assert read_page("<a href=x title=y" + text).widest_px >= 0
    assert isinstance(decode_page(body, text), str)


def test_headlines_cut_with_dots_are_read_whole() -> None:
    """Lists show the start of a headline and carry the rest in its title."""
    (link,) = read_page('<a href=1.html title="我校开展消防演练活动">我校开展…</a>').links
    assert link == Link("1.html", "我校开展消防演练活动")


def test_posts_are_links_of_the_site_with_a_headline() -> None:
    """Menus, scripts, other hosts and anchors are none; named other hosts are."""
    links = [
        Link("1.html", "我校开展消防演练活动"),
        Link("1.html#top", "我校开展消防演练活动"),
        Link("/", "首页"),
        Link("javascript:void(0)", "点击这里查看更多内容"),
        Link("https://mp.weixin.qq.com/s/abc", "校园艺术节圆满落幕"),
        Link("https://ads.example.com/", "这是一则很长的广告"),
        Link("http://[broken", "坏的链接也不应报错"),
    ]
    found = posts_of(links, LIST, ["mp.weixin.qq.com"], 6)
    assert [post.url for post in found] == [f"{LIST}1.html", "https://mp.weixin.qq.com/s/abc"]


def post(number: int, headline: str = "") -> Post:
    """Return a numbered post."""
    return Post(f"{LIST}{number}.html", headline or f"第{number}条信息")


def test_the_first_look_counts_nothing() -> None:
    """What is there already is of unknown age."""
    memory = SiteMemory()
    assert note_look(memory, {LIST: [post(n) for n in range(20)]}, MOMENT) == []
    assert note_look(memory, {LIST: [post(n) for n in range(21)]}, MOMENT) == [post(20)]


def test_a_post_counts_once() -> None:
    """In two columns, posted again under another address, or gone and back."""
    memory = SiteMemory()
    other = "https://www.example.edu.cn/party/"
    old = [post(n) for n in range(20)]
    note_look(memory, {LIST: old, other: old}, MOMENT)
    new = [*old, post(30, "校运动会开幕了")]
    assert len(note_look(memory, {LIST: new, other: new}, MOMENT)) == 1
    again = [*new, post(31, "校运动会开幕了")]
    assert note_look(memory, {LIST: again, other: new}, MOMENT) == []
    assert note_look(memory, {LIST: old, other: old}, MOMENT) == []
    assert note_look(memory, {LIST: again, other: again}, MOMENT) == []
    assert memory.weeks["2026-W37"].posts == 1


def test_a_new_site_is_not_a_hundred_posts() -> None:
    """A list on which everything is new is learnt, not counted, and the week says so."""
    memory = SiteMemory()
    note_look(memory, {LIST: [post(n) for n in range(20)]}, MOMENT)
    assert note_look(memory, {LIST: [post(n) for n in range(100, 120)]}, MOMENT) == []
    assert memory.weeks["2026-W37"].lists_replaced == 1
    assert len(note_look(memory, {LIST: [post(n) for n in range(100, 121)]}, MOMENT)) == 1


def test_a_list_added_later_is_learnt_first() -> None:
    """A column named in the settings later does not flood the week."""
    memory = SiteMemory()
    note_look(memory, {LIST: [post(1)]}, MOMENT)
    other = f"{LIST}more/"
    assert note_look(memory, {other: [post(n) for n in range(50, 60)]}, MOMENT) == []


def test_weeks_are_weeks_in_china() -> None:
    """Sunday evening in London is Monday in China; a year's end belongs to its ISO week."""
    assert week_of(datetime(2026, 9, 6, 15, 59, tzinfo=UTC)) == "2026-W36"
    assert week_of(datetime(2026, 9, 6, 16, 0, tzinfo=UTC)) == "2026-W37"
    assert week_of(datetime(2027, 1, 1, tzinfo=UTC)) == "2026-W53"


@given(st.lists(st.lists(st.integers(0, 60), max_size=12, unique=True), max_size=25))
def test_no_history_counts_a_post_twice(looks: list[list[int]]) -> None:
    """Whatever comes and goes, a week counts no address more than once, and survives its file."""
    memory = SiteMemory()
    counted: list[Post] = []
    for number, shown in enumerate(looks):
        moment = MOMENT + timedelta(hours=12 * number)
        counted += note_look(memory, {LIST: [post(n) for n in shown]}, moment)
        memory = SiteMemory.from_text(memory.to_text())
    assert len(counted) == len(set(counted))
    assert sum(week.posts for week in memory.weeks.values()) == len(counted)
    assert all(week.days for _, week in finished_weeks(memory, MOMENT + timedelta(days=90)))
