"""What a page says: its text encoding, its links, its hints for phones. Pure.

The standard library's tolerant HTML parser is enough: links, a few attributes and one meta tag are
read, no tree is built, and a broken page costs nothing but itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

PHONE_WIDTH_PX = 480
"""Wider than any phone held upright: a box fixed to more has to be scrolled sideways."""
MAX_LINKS = 2000
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,30})""", re.I)
_CODECS = dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80", "cp936"), "gb18030")
_WIDTH = re.compile(r"(?<![\w-])(?:min-)?width\s*:\s*(\d{3,5})px", re.I)
_PAGE_BOX = re.compile(
    r"(?:^|[},])\s*(?:html|body|#[\w-]{1,40}|\.(?:wrap\w*|container|main|page|box|w\d+)\b)"
    r"[^{}]{0,200}\{([^{}]{0,2000})\}",
    re.I,
)
"""Rules of the page's own boxes; a fixed width on a button or a picture hinders nobody."""
_BLOCKS = frozenset({"body", "div", "table", "main", "section", "header", "footer", "center"})
_SILENT = frozenset({"script", "style", "noscript", "template"})


@dataclass(frozen=True, slots=True)
class Link:
    """One link: where to, as written, and its words (the `title` where the text is cut)."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page. `has_password_field` is what a sign-in page looks like.

    `viewport` is the content of its meta tag, None where there is none; `widest_px` the widest
    fixed box that the page itself names, 0 where none.
    """

    title: str
    links: tuple[Link, ...]
    viewport: str | None
    widest_px: int
    has_password_field: bool

    @property
    def fits_phones(self) -> bool:
        """Whether the page asks for the phone's width and fixes none that is wider."""
        wanted = (self.viewport or "").replace(" ", "").lower()
        return "width=device-width" in wanted and self.widest_px <= PHONE_WIDTH_PX


def decode_page(body: bytes, content_type: str = "") -> str:
    """Return the text: by the header's charset, the page's own, UTF-8, else GB18030.

    Never raises: what cannot be read becomes U+FFFD. GB18030 contains GBK and GB2312, which pages
    name while using characters of the larger set.
    """
    named = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.I)
    in_page = _CHARSET.search(body[:4096])
    for name in (named and named[1], in_page and in_page[1].decode("ascii")):
        try:
            if name:
                return body.decode(_CODECS.get(name.lower(), name), errors="replace")
        except (LookupError, UnicodeError):
            continue  # no such charset, or none of text ("hex"): pages name anything
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A page cut in the middle of a character is still UTF-8.
        if error.reason == "unexpected end of data":
            return body.decode("utf-8-sig", errors="replace")
        return body.decode("gb18030", errors="replace")


def read_page(text: str) -> Page:
    """Read a page; whatever it is, something comes out."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Page(
        title=_words(reader.title),
        links=tuple(reader.links),
        viewport=reader.viewport,
        widest_px=max((*reader.widths, *_widths_of_rules("".join(reader.styles))), default=0),
        has_password_field=reader.has_password_field,
    )


def _widths_of_rules(css: str) -> list[int]:
    # A rule inside @media is for some screens only.
    plain = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", css)
    return [int(width) for rule in _PAGE_BOX.finditer(plain) for width in _WIDTH.findall(rule[1])]


def _words(text: str) -> str:
    return " ".join(text.split())


@dataclass
class _OpenLink:
    href: str
    title: str
    words: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects while the parser walks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.widths: list[int] = []
        self.styles: list[str] = []
        self.title = ""
        self.viewport: str | None = None
        self.has_password_field = False
        self._link: _OpenLink | None = None
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        named = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._end_link()
            self._link = _OpenLink(named.get("href", ""), named.get("title", ""))
        elif tag == "meta" and named.get("name", "").lower() == "viewport":
            self.viewport = named.get("content", "")
        elif tag == "input" and named.get("type", "").lower() == "password":
            self.has_password_field = True
        elif tag in _SILENT or tag == "title":
            self._inside = tag
        if tag in _BLOCKS:
            self.widths += [int(width) for width in _WIDTH.findall(named.get("style", ""))]
            width = named.get("width", "")
            if width.isdecimal() and len(width) < 6:
                self.widths.append(int(width))

    def handle_endtag(self, tag: str) -> None:
        """End what a tag began."""
        if tag == "a":
            self._end_link()
        elif tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Give text to what is open."""
        if self._inside == "title":
            self.title += data[:300]
        elif self._inside == "style":
            self.styles.append(data)
        elif self._link is not None and not self._inside:
            self._link.words.append(data)

    def close(self) -> None:
        """End the page, an open link included."""
        super().close()
        self._end_link()

    def _end_link(self) -> None:
        link, self._link = self._link, None
        if link is not None and len(self.links) < MAX_LINKS:
            text, title = _words("".join(link.words)), _words(link.title)
            # Lists cut long headlines with dots and carry the whole in `title`.
            whole = title if len(title) > len(text) or not text else text
            self.links.append(Link(link.href.strip(), whole[:300]))
