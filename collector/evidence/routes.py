"""The evidence interface: hand in, list, look at, withdraw, and put on the items' lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Protocol
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile

from collector.access import act_of, caller_of, needs
from collector.domain import EvidenceKind, Json, Right, Support
from collector.errors import MalformedError, NotFoundError, RowError, UnprocessableError
from collector.evidence.files import EvidenceFiles, Received
from collector.evidence.schema import (
    AddedAnswer,
    EvidenceAnswer,
    EvidenceList,
    ExcerptRequest,
    ShortText,
    SupportAnswer,
)
from collector.evidence.service import Added, Described, EvidenceService
from collector.problems import problem_responses
from collector.storage.ports import AuditRecords, EvidenceRecords

_PIECE_BYTES = 1 << 20
_FORM_BYTES_MAX = 64 << 10
"""Room for the form's other fields beside the file."""
_SHA256_PATTERN = r"^[0-9a-f]{64}$"
_DATE = TypeAdapter(date | None)
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "since": {"type": "string", "format": "date"},
                        "until": {"type": "string", "format": "date"},
                        "note": {"type": "string", "maxLength": 2000},
                    },
                }
            }
        },
    }
}


class Records(EvidenceRecords, AuditRecords, Protocol):
    """What these routes use of the record store."""


class EvidenceApi:
    """One method per address."""

    def __init__(
        self,
        service: EvidenceService,
        records: Records,
        files: EvidenceFiles,
        measured: Callable[[str, datetime], dict[str, Json]],
        clock: Callable[[], datetime],
    ) -> None:
        """Take `measured`: the indicators of a school as they stand at a time."""
        self._service = service
        self._records = records
        self._files = files
        self._measured = measured
        self._clock = clock

    def evidence(
        self,
        school_id: str,
        after: Annotated[str | None, Query(pattern=_SHA256_PATTERN)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
    ) -> EvidenceList:
        """List what a school handed in, oldest first, with what each piece supports."""
        pieces = list(self._records.evidence_of(school_id))
        start = next((n + 1 for n, one in enumerate(pieces) if one.sha256 == after), 0)
        shown = pieces[start : start + limit]
        supports = self._supports(school_id)
        more = start + limit < len(pieces)
        return EvidenceList(
            evidence=tuple(EvidenceAnswer.of(one, supports[one.sha256]) for one in shown),
            next=shown[-1].sha256 if more else None,
        )

    async def add(self, request: Request, school_id: str) -> AddedAnswer:
        """Hand in a file (pdf, docx, xlsx, jpg, png) with the period that it proves."""
        await run_sync(self._service.check_room, school_id)
        self._check_length(request)
        async with request.form(max_files=1, max_fields=8) as form:
            described, upload = _described(form)
            received = await self._receive(upload)
        act = act_of(request, "evidence.add", self._clock(), described.note)
        added = await run_sync(self._service.add, school_id, received, described, act)
        return await run_sync(self._answer, added)

    def excerpt(self, request: Request, school_id: str, wanted: ExcerptRequest) -> AddedAnswer:
        """Freeze a measured indicator as it stands now, as evidence."""
        now = self._clock()
        found = self._measured(school_id, now).get(wanted.indicator)
        if found is None:
            raise NotFoundError(
                "indicator_unknown",
                f"本校没有指标 {wanted.indicator} 的测量。",
                detail_en=f"Nothing was measured for {wanted.indicator} at this school.",
            )
        self._service.check_room(school_id)
        document: Json = {
            "school": school_id,
            "indicator": wanted.indicator,
            "frozen_at": now.isoformat(),
            "measured": found,
        }
        period = found if isinstance(found, dict) else {}
        described = Described(
            name=f"{wanted.indicator} {now:%Y-%m-%d %H%M}",
            since=_day(period.get("since")),
            until=_day(period.get("until")),
            note=wanted.note,
        )
        act = act_of(request, "evidence.excerpt", now, wanted.note)
        added = self._service.add_excerpt(school_id, document, described, act)
        return self._answer(added)

    def file(self, request: Request, school_id: str, sha256: str) -> Response:
        """Give out a file, always to be saved and never to be shown by the browser itself."""
        piece = self._service.piece(school_id, sha256)
        content = self._service.content(piece)
        person = caller_of(request).person
        if person is None or person.school_id != school_id:
            act = act_of(request, "evidence.read", self._clock())
            self._records.append_act(act, "evidence", f'["{school_id}", "{sha256}"]')
        name = quote(piece.name, safe="")
        return StreamingResponse(
            content,
            media_type=piece.kind.value,
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "Content-Length": str(piece.size_bytes),
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "private, max-age=0, must-revalidate",
                "ETag": f'"{piece.sha256}"',
            },
        )

    def withdraw(self, request: Request, school_id: str, sha256: str, why: ShortText = "") -> None:
        """Take a piece back, and off all lists. What was published with it keeps it."""
        self._service.withdraw(
            school_id, sha256, act_of(request, "evidence.withdraw", self._clock(), why)
        )

    def support(
        self, request: Request, school_id: str, sha256: str, rubric_id: str, item_id: str
    ) -> SupportAnswer:
        """Put a piece at the end of an item's list; one that is there stays where it is."""
        act = act_of(request, "evidence.support", self._clock())
        found = self._service.support(school_id, sha256, rubric_id, item_id, act)
        return SupportAnswer(rubric_id=found.rubric_id, item_id=found.item_id, number=found.number)

    def drop_support(
        self, request: Request, school_id: str, sha256: str, rubric_id: str, item_id: str
    ) -> None:
        """Take a piece off an item's list; the following ones move up."""
        act = act_of(request, "evidence.unsupport", self._clock())
        if not self._records.drop_support(school_id, rubric_id, item_id, sha256, act):
            raise NotFoundError(
                "support_unknown",
                "这份材料不在该评估项的清单里。",
                detail_en="This piece is not on the list of that item.",
            )

    def _answer(self, added: Added) -> AddedAnswer:
        piece = added.evidence
        supports = self._supports(piece.school_id)[piece.sha256]
        return AddedAnswer(evidence=EvidenceAnswer.of(piece, supports), new=added.new)

    def _supports(self, school_id: str) -> dict[str, tuple[Support, ...]]:
        found: dict[str, tuple[Support, ...]] = defaultdict(tuple)
        for one in self._records.supports(school_id):
            found[one.sha256] += (one,)
        return found

    def _check_length(self, request: Request) -> None:
        """Bound the body before any of it is read; a server reads no more than is announced."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise MalformedError(
                "length_missing",
                "上传要带 Content-Length。",
                detail_en="An upload needs a Content-Length.",
            )
        self._service.check_size(int(length) - _FORM_BYTES_MAX)

    async def _receive(self, upload: UploadFile) -> Received:
        receiver = await run_sync(self._files.begin)
        try:
            while piece := await upload.read(_PIECE_BYTES):
                self._service.check_size(receiver.size_bytes + len(piece))
                await run_sync(receiver.write, piece)
            return await run_sync(receiver.end)
        except BaseException:
            receiver.abandon()
            raise


def evidence_router(api: EvidenceApi) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1/schools/{school_id}/evidence", tags=["evidence"])
    reads, adds = [needs(Right.EVIDENCE_READ)], [needs(Right.EVIDENCE_ADD)]
    refused = problem_responses(401, 403, 404, 409, 422)
    uploads = problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503)
    router.get("", dependencies=reads, summary="Evidence of a school", responses=refused)(
        api.evidence
    )
    router.post(
        "",
        dependencies=adds,
        summary="Hand in a file",
        status_code=201,
        openapi_extra=_UPLOAD,
        responses=uploads,
    )(api.add)
    router.post(
        "/excerpts",
        dependencies=adds,
        summary="Freeze a measurement as evidence",
        status_code=201,
        responses=uploads,
    )(api.excerpt)
    router.get(
        "/{sha256}/file",
        dependencies=reads,
        summary="One file, as an attachment",
        response_class=StreamingResponse,
        responses={
            **refused,
            200: {"content": {kind.value: {} for kind in EvidenceKind}},
        },
    )(api.file)
    router.delete(
        "/{sha256}", dependencies=adds, summary="Withdraw", status_code=204, responses=refused
    )(api.withdraw)
    lists = "/{sha256}/supports/{rubric_id}/{item_id}"
    router.put(lists, dependencies=adds, summary="Put on an item's list", responses=refused)(
        api.support
    )
    router.delete(
        lists,
        dependencies=adds,
        summary="Take off an item's list",
        status_code=204,
        responses=refused,
    )(api.drop_support)
    return router


def _described(form: FormData) -> tuple[Described, UploadFile]:
    """Read the form. Raises UnprocessableError with the fields that are wrong."""
    wrong: list[RowError] = []
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        wrong.append(RowError(None, "file", "请选择文件 choose a file"))
    days: dict[str, date | None] = {}
    for name in ("since", "until"):
        try:
            days[name] = _DATE.validate_python(str(form.get(name) or "") or None)
        except ValidationError:
            wrong.append(RowError(None, name, "日期写成 2026-09-01 的样子 write a date like that"))
    note = str(form.get("note") or "")
    if len(note) > 2000:
        wrong.append(RowError(None, "note", "最多2000字 at most 2000 characters"))
    if wrong or not isinstance(upload, UploadFile):
        raise UnprocessableError(
            "fields_wrong",
            "请更正所列各栏。",
            detail_en="Correct the named fields.",
            errors=tuple(wrong),
        )
    described = Described(upload.filename or "", days["since"], days["until"], note)
    return described, upload


def _day(moment: Json) -> date | None:
    return datetime.fromisoformat(moment).date() if isinstance(moment, str) else None
