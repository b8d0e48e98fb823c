"""Publishing a round, and the bundles that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from collector.access import act_of, needs
from collector.domain import Publication, Right
from collector.problems import problem_responses
from collector.publishing.manifest import BundledSheet
from collector.publishing.service import PublishedBundle, PublishingService

_PIECE_BYTES = 1 << 20
Number = Annotated[int, Path(ge=1, le=10_000)]
WithFiles = Annotated[bool, Query(description="with the evidence files")]


class PublishRequest(BaseModel):
    """`revision` is that of the round as it was seen; `why` is needed for a correction."""

    revision: Annotated[int, Field(ge=0)]
    why: Annotated[str, Field(max_length=2000)] = ""


class PublicationAnswer(BaseModel):
    """One publication. The manifest's hash is what official sheets print."""

    number: int
    manifest_sha256: str
    sheets: int
    published_by: str
    published_at: datetime
    why: str

    @classmethod
    def of(cls, one: Publication) -> PublicationAnswer:
        """Describe a publication."""
        return cls(
            number=one.number,
            manifest_sha256=one.manifest_sha256.removeprefix("sha256:"),
            sheets=one.sheets,
            published_by=one.published_by,
            published_at=one.published_at,
            why=one.why,
        )


class PublicationList(BaseModel):
    """The publications of a round, oldest first."""

    publications: tuple[PublicationAnswer, ...]


class ResultList(BaseModel):
    """Every published sheet of a round, by school and rubric."""

    manifest_sha256: str
    results: tuple[BundledSheet, ...]


class PublishingApi:
    """One method per address."""

    def __init__(self, service: PublishingService, clock: Callable[[], datetime]) -> None:
        self._service = service
        self._clock = clock

    def publish(self, request: Request, round_id: str, wanted: PublishRequest) -> PublicationAnswer:
        """Publish the newest version of every case; every case has to be final."""
        act = act_of(request, "round.publish", self._clock(), wanted.why)
        return PublicationAnswer.of(self._service.publish(round_id, wanted.revision, act))

    def publications(self, round_id: str) -> PublicationList:
        """List what was published."""
        found = self._service.publications(round_id)
        return PublicationList(publications=tuple(map(PublicationAnswer.of, found)))

    def results(self, round_id: str, number: Number) -> ResultList:
        """Show the results of every school as published, with the hash of each sheet."""
        found = self._service.bundle(round_id, number)
        return ResultList(manifest_sha256=found.manifest_sha256, results=found.manifest.sheets)

    def bundle(
        self,
        round_id: str,
        number: Number,
        evidence: WithFiles = False,
    ) -> Response:
        """Give out the bundle of the whole round."""
        found = self._service.bundle(round_id, number, with_evidence=evidence)
        return self._zip(found, f"{round_id}-{number}")

    def school_bundle(
        self,
        round_id: str,
        school_id: str,
        evidence: WithFiles = False,
    ) -> Response:
        """Give out the part of one school of the newest publication."""
        found = self._service.bundle(round_id, school_id=school_id, with_evidence=evidence)
        return self._zip(found, f"{round_id}-{school_id}-{found.publication.number}")

    def _zip(self, found: PublishedBundle, name: str) -> Response:
        # A file without a name on disk: a bundle with evidence may be larger than memory.
        target = TemporaryFile("w+b")  # noqa: SIM115  # closed when the answer was sent
        try:
            self._service.write(found, target)
        except BaseException:
            target.close()
            raise
        size = target.tell()
        target.seek(0)
        return StreamingResponse(
            _pieces(target),
            media_type="application/zip",
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.zip",
                "Content-Length": str(size),
                "ETag": f'"{found.manifest_sha256}"',
            },
        )


def publishing_router(api: PublishingApi) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1/rounds/{round_id}", tags=["publishing"])
    read, publish = [needs(Right.ROUND_READ)], [needs(Right.PUBLISH)]
    refused = problem_responses(401, 403, 404, 409, 422, 503)
    archive = {**refused, 200: {"content": {"application/zip": {}}}}
    router.post("/publish", dependencies=publish, summary="Publish a round", responses=refused)(
        api.publish
    )
    router.get(
        "/publications", dependencies=read, summary="Publications of a round", responses=refused
    )(api.publications)
    router.get(
        "/publications/{number}/results",
        dependencies=read,
        summary="Published results of every school",
        responses=refused,
    )(api.results)
    router.get(
        "/publications/{number}/bundle",
        dependencies=publish,
        summary="The bundle of a publication",
        response_class=StreamingResponse,
        responses=archive,
    )(api.bundle)
    router.get(
        "/schools/{school_id}/publication/bundle",
        dependencies=[needs(Right.CASE_READ)],
        summary="The bundle of one school",
        response_class=StreamingResponse,
        responses=archive,
    )(api.school_bundle)
    return router


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
