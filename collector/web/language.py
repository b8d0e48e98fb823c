"""The two languages of the pages: Chinese is the source text, English comes from `locales/en.po`.

Catalogues are read as .po at start (polib compiles them in memory), so that no build step and no
binary file stands between a translator and the page.
"""

from dataclasses import dataclass, field
from functools import cache, cached_property
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Protocol

import polib

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)
#: What `<html lang>` and Content-Language say.
LANGUAGE_TAGS = {CHINESE: "zh-CN", ENGLISH: "en"}
LOCALES = Path(__file__).parent / "locales"


class Translator(Protocol):
    """The part of the standard library's gettext classes that pages use."""

    def gettext(self, message: str, /) -> str:
        """Return the text in the page's language; the Chinese source text when there is none."""
        ...

    def ngettext(self, singular: str, plural: str, n: int, /) -> str:
        """Return the text for a count of `n`."""
        ...


@cache
def load_translator(language: str, locales: Path = LOCALES) -> NullTranslations:
    """Load the catalogue of `language`; Chinese, the source language, has none and needs none."""
    if language == CHINESE:
        return NullTranslations()
    catalogue = polib.pofile(str(locales / f"{language}.po"))
    return GNUTranslations(BytesIO(catalogue.to_binary()))


@dataclass(frozen=True)
class Catalogues:
    """Both translators, loaded once per process."""

    locales: Path = field(default=LOCALES)

    @cached_property
    def translators(self) -> dict[str, NullTranslations]:
        """Language code → translator."""
        return {language: load_translator(language, self.locales) for language in LANGUAGES}

    def __getitem__(self, language: str) -> NullTranslations:
        return self.translators[language]


def choose_language(query: str | None, cookie: str | None, accept_language: str | None) -> str:
    """Choose the page's language: `?lang=` first, then the cookie, then the browser, then Chinese.

    Accept-Language is read as RFC 9110 §12.5.4 says (quality values; equal ones in order).
    """
    for wish in (query, cookie):
        if wish in LANGUAGES:
            return wish
    best = CHINESE
    best_quality = 0.0
    for entry in (accept_language or "").split(",")[:20]:
        tag, _, parameters = entry.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameters)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
