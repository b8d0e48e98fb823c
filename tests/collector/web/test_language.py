"""Both languages are complete, and the right one is chosen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from jinja2 import Environment

from collector.web import language
from collector.web.language import choose_language, load_translator

WEB = Path(language.__file__).parent
GETTEXT_NAMES = {"_", "gettext", "ngettext", "nget"}


def python_messages(source: str) -> Iterator[str]:
    """Yield the first text of every gettext call of a module."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name in GETTEXT_NAMES and isinstance(first, ast.Constant):
            yield str(first.value)


def template_messages(source: str) -> Iterator[str]:
    """Yield the first text of every gettext call of a template."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    # A method that the extension adds at run time.
    extract = environment.extract_translations  # type: ignore[attr-defined]
    for _line, _function, message in extract(source):
        yield str(message[0] if isinstance(message, tuple) else message)


def used_messages() -> dict[str, str]:
    """Return every text of the pages with the file that uses it."""
    found = {}
    for path in sorted(WEB.glob("*.py")):
        for message in python_messages(path.read_text(encoding="utf-8")):
            found[message] = path.name
    for path in sorted(WEB.glob("templates/*.html")):
        for message in template_messages(path.read_text(encoding="utf-8")):
            found[message] = path.name
    return found


def test_every_text_of_the_pages_has_an_english_translation() -> None:
    """An untranslated text would show Chinese on an English page."""
    catalogue = polib.pofile(str(WEB / "locales" / "en.po"))
    translated = {entry.msgid for entry in catalogue if entry.translated()}
    used = used_messages()
    assert len(used) > 100, "the search found too few texts to be believed"
    assert {text: where for text, where in used.items() if text not in translated} == {}


def test_the_catalogue_holds_nothing_that_no_page_says() -> None:
    """Dead translations cost translators time and hide missing ones."""
    catalogue = polib.pofile(str(WEB / "locales" / "en.po"))
    assert {entry.msgid for entry in catalogue} - set(used_messages()) == set()


def test_translations_keep_the_placeholders() -> None:
    """A lost placeholder would drop a number from the English page, a new one would crash it."""
    catalogue = polib.pofile(str(WEB / "locales" / "en.po"))
    for entry in catalogue:
        for text in (entry.msgstr, *entry.msgstr_plural.values()):
            if text:
                assert placeholders(text) == placeholders(entry.msgid), entry.msgid


def placeholders(text: str) -> set[str]:
    """Return the names in `%(name)s`."""
    return {part.split(")")[0] for part in text.split("%(")[1:]}


def test_english_counts_have_a_singular() -> None:
    """`1 schools` is not English."""
    english = load_translator("en")
    assert english.ngettext("共 %(num)s 所", "共 %(num)s 所", 1) % {"num": 1} == "1 school"
    assert english.ngettext("共 %(num)s 所", "共 %(num)s 所", 2) % {"num": 2} == "2 schools"


@pytest.mark.parametrize(
    ("query", "cookie", "header", "expected"),
    [
        (None, None, None, "zh"),
        ("en", "zh", "zh-CN", "en"),
        (None, "en", "zh-CN", "en"),
        ("xx", "yy", "en-GB,en;q=0.9", "en"),
        (None, None, "de,zh-CN;q=0.8,en;q=0.9", "en"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "en;q=0", "zh"),
        (None, None, "en;q=high,,;", "zh"),
    ],
)
def test_the_address_beats_the_cookie_beats_the_browser(
    query: str | None, cookie: str | None, header: str | None, expected: str
) -> None:
    """A person's own choice must win over what the browser was set to."""
    assert choose_language(query, cookie, header) == expected
