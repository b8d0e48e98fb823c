"""What pages with forms share: reading the form, going on after it, and refusals in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeAlias

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from collector.access import act_of, caller_of
from collector.domain import Act, Caller
from collector.errors import CollectorError, RowError, UnprocessableError
from collector.web.case_desk import person_name
from collector.web.formatting import Formatter
from collector.web.rendering import Pages
from collector.web.services import WebServices

_BOTH_LANGUAGES = re.compile(r" [·/] ")
"""What stands between the Chinese and the English of a field's reason."""


async def read_form(request: Request) -> FormData:
    """Return the fields that were posted; empty where there is no form."""
    return await request.form(max_files=1, max_fields=5000)


PostedForm: TypeAlias = Annotated[FormData, Depends(read_form)]


def text_of(form: FormData, name: str) -> str:
    """Return one text of a form, without blanks around it; empty where it is not there."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def file_of(form: FormData, name: str) -> UploadFile | None:
    """Return the file of a form; None where none was chosen."""
    value = form.get(name)
    return value if isinstance(value, UploadFile) and value.filename else None


def day_of(form: FormData, name: str) -> date | None:
    """Return a day of a form, None where it is blank. Raises UnprocessableError naming it."""
    text = text_of(form, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        like = "日期写成 2026-09-01 的样子 / write a day like 2026-09-01"
        raise wrong_fields(RowError(None, name, like)) from error


def wrong_fields(*rows: RowError) -> UnprocessableError:
    """Return the refusal of a form that names its wrong fields."""
    return UnprocessableError(
        "fields_wrong",
        "请更正标出的各栏，其余内容已保留。",
        detail_en="Correct the marked fields; everything else was kept.",
        errors=rows,
    )


def whole_number(form: FormData, name: str) -> int:
    """Return a number that our own page wrote into the form, such as a revision; 0 otherwise."""
    text = text_of(form, name)
    return int(text) if text.isdecimal() and len(text) < 10 else 0


@dataclass(frozen=True)
class Refusal:
    """Why something was not done, in the page's language; `fields` says what is wrong where."""

    text: str
    status: int
    fields: Mapping[str, str]

    def at(self, *names: str) -> str | None:
        """Return what is wrong with a field, under any of the names it goes by."""
        return next((self.fields[name] for name in names if name in self.fields), None)


def refusal_of(error: CollectorError, *, english: bool) -> Refusal:
    """Put an error into words. A row's number (from 0) is written behind its field's name."""
    fields = {
        row.field if row.row is None else f"{row.field}.{row.row}": in_language(
            row.reason, english=english
        )
        for row in error.errors
    }
    text = (error.detail_en if english else None) or error.detail
    return Refusal(text, error.status, fields)


def in_language(reason: str, *, english: bool) -> str:
    """Return the page's half of a reason that is written in both languages."""
    parts = _BOTH_LANGUAGES.split(reason, maxsplit=1)
    return parts[-1] if english else parts[0]


class FormPages:
    """Base of the handlers of pages with forms."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages

    def _show(
        self,
        request: Request,
        template: str,
        *,
        section: str = "",
        status: int = 200,
        **context: object,
    ) -> Response:
        now = self._services.clock()
        return self._pages.render(
            request, template, context, now=now, section=section, status=status
        )

    def _go(self, request: Request, path: str) -> Response:
        return RedirectResponse(request.scope.get("root_path", "") + path, status_code=303)

    def _formatter(self, request: Request) -> Formatter:
        return self._pages.formatter(self._pages.language(request))

    def _refusal(self, request: Request, error: CollectorError) -> Refusal:
        return refusal_of(error, english=self._formatter(request).english)

    def _act(self, request: Request, action: str, why: str = "") -> Act:
        return act_of(request, action, self._services.clock(), why)

    def _caller(self, request: Request) -> Caller:
        return caller_of(request)

    def _people(self, actors: Iterable[str]) -> dict[str, str]:
        """Name who is behind each actor."""
        return {actor: person_name(actor, self._services) for actor in set(actors)}
