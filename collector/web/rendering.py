"""Renders templates: one Jinja environment per language, a frame of facts around every page."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.access import csrf_token, masked
from collector.domain import School
from collector.web.formatting import Formatter
from collector.web.language import LANGUAGE_TAGS, LANGUAGES, Catalogues, choose_language
from collector.web.profile import school_line
from collector.web.reporting import State, state_word
from collector.web.verdicts import Result, bar_parts, result_word
from rubrics import __version__

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "campusgauge_lang"
LANGUAGE_COOKIE_MAX_AGE_S = 365 * 86_400
_LANGUAGE_NAMES = {"zh": "中文", "en": "English"}


@dataclass(frozen=True)
class LanguageLink:
    """One choice of the language switch."""

    name: str
    tag: str
    href: str
    current: bool


@dataclass(frozen=True)
class Frame:
    """What the layout around every page needs."""

    language: str
    root: str
    section: str
    now: datetime
    languages: tuple[LanguageLink, ...]
    style_version: str
    signed_in: str = ""
    """Name of the person who is signed in."""
    person_id: str = ""
    csrf_token: str = ""
    can: frozenset[str] = frozenset()
    """Rights that the person has anywhere or at some school; what a page offers hangs on them."""
    version: str = __version__

    @property
    def language_tag(self) -> str:
        """The page's language as HTML and HTTP write it."""
        return LANGUAGE_TAGS[self.language]


class Pages:
    """Turns template contexts into responses in the language that the request asks for."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._catalogues = Catalogues()
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def language(self, request: Request) -> str:
        """Choose the language of a request."""
        return choose_language(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language"),
        )

    def formatter(self, language: str) -> Formatter:
        """Return the formatter of a language."""
        return Formatter(self._catalogues[language], self._zone, english=language == "en")

    def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, object],
        *,
        now: datetime,
        section: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        """Render a page and remember a language that was chosen by `?lang=`."""
        language = self.language(request)
        frame = Frame(
            language=language,
            root=request.scope.get("root_path", ""),
            section=section,
            now=now,
            languages=_language_links(request, language),
            style_version=self.style_version,
            **_signed_in(request),
        )
        text = self._environments[language].get_template(template).render(**context, frame=frame)
        headers = {
            "Content-Language": frame.language_tag,
            "Vary": "Cookie, Accept-Language",
            "Cache-Control": "no-store",
        }
        response = HTMLResponse(text, status_code=status, headers=headers)
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE,
                language,
                max_age=LANGUAGE_COOKIE_MAX_AGE_S,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )
        return response

    @cached_property
    def style_version(self) -> str:
        """A new style sheet or script gets a new address, so that caches never show an old one."""
        found = hashlib.sha256()
        for path in sorted([*STATIC.glob("*.*"), *STATIC.glob("js/*.js")]):
            found.update(path.read_bytes())
        return found.hexdigest()[:10]

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        translator = self._catalogues[language]
        formatter = self.formatter(language)

        def describe(school: School) -> str:
            return school_line(school, formatter)

        # A page names verdicts thousands of times.
        result_words = {result: result_word(result, translator) for result in Result}
        state_words = {state: state_word(state, translator) for state in State}

        # The extension adds these methods at run time; its type stubs do not know them.
        environment.install_gettext_translations(translator, newstyle=True)  # type: ignore[attr-defined]
        environment.globals.update(
            fmt=formatter,
            bar_parts=bar_parts,
            school_line=describe,
            result_word=result_words.__getitem__,
            state_word=state_words.__getitem__,
        )
        return environment


def _signed_in(request: Request) -> dict[str, Any]:
    """Return who is signed in and what forms must carry, where the route asked who calls."""
    token = getattr(request.state, "session_token", None)
    caller = getattr(request.state, "caller", None)
    if token is None or caller is None:
        return {}
    rights = frozenset(right.value for right in caller.anywhere | caller.at_schools)
    return {
        "signed_in": caller.name,
        "person_id": caller.person.id if caller.person else "",
        "csrf_token": masked(csrf_token(token)),
        "can": rights,
    }


def _language_links(request: Request, current: str) -> tuple[LanguageLink, ...]:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return tuple(
        LanguageLink(
            name=_LANGUAGE_NAMES[language],
            tag=LANGUAGE_TAGS[language],
            href="?" + urlencode([*kept, ("lang", language)]),
            current=language == current,
        )
        for language in LANGUAGES
    )
