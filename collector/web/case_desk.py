"""What the pages of a case share: its services, its head, its errors in words, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from collector.access import act_of, caller_of
from collector.assessment.appeals import AppealService
from collector.assessment.case_reader import CaseReader, HeldCase
from collector.assessment.case_steps import CaseSteps
from collector.assessment.case_writer import CaseWriter
from collector.domain import Act, Case, CaseKey, CaseState, Right, may
from collector.errors import CollectorError, MalformedError, TooLargeError
from collector.evidence.routes import EvidenceApi
from collector.merging.service import MergingService
from collector.publishing.service import PublishingService
from collector.web.formatting import Formatter
from collector.web.language import Translator
from collector.web.rendering import Pages
from collector.web.round_words import case_word
from collector.web.services import WebServices
from rubrics.reasons import load_reasons

FORM_BYTES_MAX = 1 << 20
UPLOAD_BYTES_MAX = 24 << 20
"""More than the service takes, so that it is the service that says so, in words."""


def case_key(round_id: str, school_id: str, rubric_id: str) -> CaseKey:
    """Return which case an address names."""
    return CaseKey(round_id, school_id, rubric_id)


Key = Annotated[CaseKey, Depends(case_key)]


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """The services behind the pages of a case: those of the JSON routes."""

    reader: CaseReader
    writer: CaseWriter
    steps: CaseSteps
    appeals: AppealService
    merging: MergingService[HeldCase]
    evidence: EvidenceApi
    publishing: PublishingService


def desk_of(request: Request) -> CaseDesk:
    """Return the services that the app was wired with."""
    state = request.app.state
    own = state.assessment
    return CaseDesk(
        own.reader, own.writer, own.steps, own.appeals,
        state.merging, state.evidence_api, state.publishing,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseHead:
    """Where a case stands, and what this person may do with it."""

    key: CaseKey
    school: str
    round_title: str
    rubric_title: str
    state: CaseState
    state_word: str
    note: str
    due_at: datetime | None
    appeal_until: datetime | None
    signed_by: str | None
    signed_at: datetime | None
    revision: int
    version: int
    href: str
    may_write: bool
    may_sign: bool
    may_submit: bool
    may_appeal: bool

    @property
    def announced(self) -> bool:
        """There is an official result."""
        return self.state in (CaseState.ANNOUNCED, CaseState.FINAL)


class CasePages:
    """Base of the page handlers of a case."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages

    def _formatter(self, request: Request) -> Formatter:
        return self._pages.formatter(self._pages.language(request))

    def _now(self) -> datetime:
        return self._services.clock()

    def _act(self, request: Request, action: str, why: str = "") -> Act:
        return act_of(request, action, self._now(), why)

    def _name(self, actor: str) -> str:
        """Return the name of who did something."""
        return person_name(actor, self._services)

    def _head(self, request: Request, found: HeldCase) -> CaseHead:
        case, key, caller = found.case, found.key, caller_of(request)
        formatter = self._formatter(request)
        title = found.rubric.title

        def allowed(right: Right) -> bool:
            return may(caller, right, key.school_id, key.round_id)

        return CaseHead(
            key=key,
            school=found.school.name,
            round_title=found.held.title,
            rubric_title=(title.en if formatter.english else None) or title.zh,
            state=case.state,
            state_word=state_word(case, formatter.translator),
            note=case.note,
            due_at=case.due_at or found.held.deadlines.submit_by,
            appeal_until=case.appeal_until,
            signed_by=self._name(case.signature.person) if case.signature else None,
            signed_at=case.signature.at if case.signature else None,
            revision=case.revision,
            version=case.version,
            href=request.scope.get("root_path", "") + case_address(key),
            may_write=allowed(Right.ENTRY_SAVE),
            may_sign=allowed(Right.CASE_SIGN),
            may_submit=allowed(Right.CASE_SUBMIT),
            may_appeal=allowed(Right.APPEAL_FILE),
        )

    def _page(
        self, request: Request, template: str, context: dict[str, object], status: int = 200
    ) -> Response:
        return self._pages.render(
            request, template, context, now=self._now(), section="cases", status=status
        )

    def _go(self, request: Request, path: str) -> Response:
        return RedirectResponse(request.scope.get("root_path", "") + path, status_code=303)

    def _words(self, request: Request, error: CollectorError) -> str:
        return error_words(error, english=self._formatter(request).english)


def case_address(key: CaseKey, place: str = "") -> str:
    """Return the path of a case's page."""
    parts = (quote(part, safe="") for part in (key.round_id, key.school_id, key.rubric_id))
    round_id, school_id, rubric_id = parts
    return f"/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}{place}"


def person_name(actor: str, services: WebServices) -> str:
    """Return the shown name of an actor of the audit chain; others as they are written."""
    kind, _, rest = actor.partition(":")
    person = services.records.person(rest.partition("/")[0]) if kind == "person" else None
    return (person.display_name or person.name) if person else actor


def state_word(case: Case, translator: Translator) -> str:
    """Name the state of a case, and whether it is signed already."""
    _ = translator.gettext
    if case.state in (CaseState.FILLING, CaseState.RETURNED) and case.signature is not None:
        return _("已签字，待提交")
    return case_word(case.state, translator)


def error_words(error: CollectorError, *, english: bool) -> str:
    """Return what an error says, with the fields that are wrong, in one language."""
    words = error.detail_en if english and error.detail_en else error.detail
    return " ".join([words, *(row_words(row.reason, english=english) for row in error.errors)])


def row_words(reason: str, *, english: bool) -> str:
    """Return one language of a reason that is written `中文 / English`."""
    chinese, _, other = reason.partition(" / ")
    return other if english and other else chinese


def reason_words(code: str, *, english: bool) -> str:
    """Return the sentence of a reason code."""
    known = load_reasons().get(code)
    return code if known is None else (known.en if english else known.zh)


def bounded(most_bytes: int) -> Any:
    """Return the dependency that bounds a form's body before any of it is read.

    A route names it before its right, whose check of the CSRF field reads the form.
    """

    def check(request: Request) -> None:
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise MalformedError(
                "length_missing",
                "上传要带 Content-Length。",
                detail_en="An upload needs a Content-Length.",
            )
        if int(length) > most_bytes:
            raise TooLargeError(
                "evidence_too_large",
                f"超过 {most_bytes >> 20} MiB；请压缩图片或分成几份。",
                detail_en=f"More than {most_bytes >> 20} MiB; make it smaller or split it.",
            )

    return Depends(check)
