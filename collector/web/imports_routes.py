"""Pages of imports: hand a list in, see what each row would do, write it or discard it."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import ImportKind, Right, may
from collector.errors import CollectorError, RowError
from collector.imports.plan import NewCode, RowOutcome
from collector.imports.service import ImportService
from collector.imports.templates import csv_bytes
from collector.web.case_desk import FORM_BYTES_MAX, UPLOAD_BYTES_MAX, bounded
from collector.web.form_pages import (
    FormPages,
    PostedForm,
    Refusal,
    day_of,
    file_of,
    text_of,
    wrong_fields,
)
from collector.web.imports_page import import_view, kind_words, problem_rows
from collector.web.people_routes import role_words
from collector.web.rendering import Pages
from collector.web.services import WebServices

RIGHTS = {ImportKind.SCHOOLS: Right.SCHOOL_EDIT, ImportKind.PEOPLE: Right.PEOPLE_MANAGE}
PageNumber: TypeAlias = Annotated[int, Query(ge=1, le=10_000)]
CSV = "text/csv; charset=utf-8"


def imports_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of imports; each kind of list asks for a right of its own."""
    router = APIRouter(include_in_schema=False)
    first = ImportPages(services, pages, ImportKind.SCHOOLS)
    router.get("/imports", dependencies=[needs(Right.SCHOOL_EDIT)])(first.imports)
    for kind, right in RIGHTS.items():
        handlers, allowed = ImportPages(services, pages, kind), needs(right)
        base, one = f"/imports/{kind.value}", f"/imports/{kind.value}/files/{{import_id}}"
        upload, small = bounded(UPLOAD_BYTES_MAX), bounded(FORM_BYTES_MAX)
        router.post(base, dependencies=[upload, allowed])(handlers.upload)
        router.get(f"{base}/template.csv", dependencies=[allowed])(handlers.template)
        router.get(one, dependencies=[allowed])(handlers.preview)
        router.get(f"{one}/problems.csv", dependencies=[allowed])(handlers.problems)
        router.post(f"{one}/commit", dependencies=[small, allowed])(handlers.commit)
        router.post(f"{one}/discard", dependencies=[small, allowed])(handlers.discard)
    return router


class ImportPages(FormPages):
    """One method per address, for one kind of list. FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices, pages: Pages, kind: ImportKind) -> None:
        super().__init__(services, pages)
        self._kind = kind

    def imports(self, request: Request) -> Response:
        """Show what can be imported, and what was."""
        return self._hub(request)

    def upload(self, request: Request, form: PostedForm) -> Response:
        """Keep a file and go to its preview; a file that cannot be read comes back with why."""
        file = file_of(form, "file")
        service = _service(request)
        try:
            if file is None:
                raise wrong_fields(RowError(None, "file", "请选择文件 / choose a file"))
            with file.file as stream:
                content = stream.read()
            as_of = day_of(form, "as_of") or service.today
            act = self._act(request, "import.upload", file.filename or "")
            held = service.receive(self._kind, file.filename or "", content, as_of, act)
        except CollectorError as error:
            refused = self._refusal(request, error)
            return self._hub(request, refused=refused, as_of=text_of(form, "as_of"))
        return self._go(request, f"/imports/{self._kind.value}/files/{held.id}")

    def template(self, request: Request) -> Response:
        """Give out a file to fill in."""
        return _download(_service(request).template(self._kind), f"{self._kind.value}.csv")

    def preview(
        self, request: Request, import_id: str, show: str = "", page: PageNumber = 1
    ) -> Response:
        """Show what every row would do, or what was done."""
        return self._one(request, import_id, show=show, page=page)

    def problems(self, request: Request, import_id: str) -> Response:
        """Give out the rows with errors, for whoever made the list."""
        service = _service(request)
        file = service.file(self._kind, import_id)
        plan = service.plan(file, self._act(request, "import.preview"))
        return _download(csv_bytes(problem_rows(plan)), "errors.csv")

    def commit(self, request: Request, import_id: str, form: PostedForm) -> Response:
        """Write what was seen; new people's one-time codes are shown this once."""
        try:
            done = _service(request).commit(
                self._kind,
                import_id,
                text_of(form, "seen"),
                self._act(request, "import.commit", text_of(form, "why")[:2000]),
                skip_errors=bool(text_of(form, "skip_errors")),
            )
        except CollectorError as error:
            return self._one(request, import_id, refused=self._refusal(request, error))
        if done.codes:
            return self._one(request, import_id, codes=done.codes)
        return self._go(request, f"/imports/{self._kind.value}/files/{import_id}")

    def discard(self, request: Request, import_id: str) -> Response:
        """Drop a file that waits."""
        try:
            act = self._act(request, "import.discard")
            _service(request).discard(self._kind, import_id, act)
        except CollectorError as error:
            return self._one(request, import_id, refused=self._refusal(request, error))
        return self._go(request, "/imports")

    def _hub(
        self, request: Request, *, refused: Refusal | None = None, as_of: str = ""
    ) -> Response:
        service, caller = _service(request), self._caller(request)
        allowed = [kind for kind, right in RIGHTS.items() if may(caller, right)]
        recent = [one for one in service.recent() if one.kind in allowed]
        return self._show(
            request,
            "imports.html",
            section="schools",
            status=refused.status if refused else 200,
            kinds={
                kind: word
                for kind, word in kind_words(self._formatter(request).translator).items()
                if kind in allowed
            },
            refused=refused,
            refused_kind=self._kind if refused else None,
            as_of=as_of or service.today.isoformat(),
            recent=recent,
            by=self._people([one.committed_by or one.uploaded_by for one in recent]),
            schools=len(self._services.records.schools()),
        )

    def _one(
        self,
        request: Request,
        import_id: str,
        *,
        show: str = "",
        page: int = 1,
        refused: Refusal | None = None,
        codes: tuple[NewCode, ...] = (),
    ) -> Response:
        service, formatter = _service(request), self._formatter(request)
        file = service.file(self._kind, import_id)
        view = None
        if file.committed_at is None:
            shown = RowOutcome(show) if show in set(RowOutcome) else None
            plan = service.plan(file, self._act(request, "import.preview"))
            view = import_view(
                file, plan, shown, page, formatter.translator, english=formatter.english
            )
        return self._show(
            request,
            "import.html",
            section="schools",
            status=refused.status if refused else 200,
            file=file,
            kind_word=kind_words(formatter.translator)[self._kind],
            view=view,
            refused=refused,
            codes=codes,
            roles=role_words(formatter.translator),
            by=self._people([file.uploaded_by, file.committed_by or file.uploaded_by]),
        )


def _service(request: Request) -> ImportService:
    return cast("ImportService", request.app.state.imports)


def _download(content: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="campusgauge-{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=CSV, headers=headers)
