"""Profiles in versions, and the tree of townships and schools, over HTTP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request

from collector.access import act_of, needs
from collector.assessment.case_reader import AssessmentRecords
from collector.assessment.profile_answers import (
    DeclaredAnswer,
    ProfileAnswer,
    ProfilesAnswer,
    TownshipAnswer,
    TownshipsAnswer,
)
from collector.assessment.profiles import ProfileService
from collector.assessment.requests import ProfileIn, TownshipIn
from collector.domain import Right, Township
from collector.errors import RowError
from collector.problems import problem_responses
from collector.refusals import fields_wrong


def profile_router(
    service: ProfileService, records: AssessmentRecords, clock: Callable[[], datetime]
) -> APIRouter:
    """Build the routes of profiles and townships."""
    api = ProfileApi(service, records, clock)
    wrong = problem_responses(401, 403, 404, 409, 422)
    router = APIRouter(prefix="/api/v1", tags=["profiles"], responses=wrong)
    place = "/schools/{school_id}/profile"
    read, declare = [needs(Right.SCHOOL_READ)], [needs(Right.PROFILE_DECLARE)]
    router.get(place, dependencies=read, summary="Versions of a profile")(api.profiles)
    router.post(place, dependencies=declare, status_code=201, summary="Declare a new version")(
        api.declare
    )
    router.get(
        "/townships", dependencies=[needs(Right.ROUND_READ)], summary="Townships and groups"
    )(api.townships)
    router.post(
        "/townships",
        dependencies=[needs(Right.SCHOOL_EDIT)],
        status_code=201,
        summary="Add or rename a township",
    )(api.put_township)
    return router


class ProfileApi:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(
        self, service: ProfileService, records: AssessmentRecords, clock: Callable[[], datetime]
    ) -> None:
        self._service = service
        self._records = records
        self._clock = clock

    def profiles(self, school_id: str) -> ProfilesAnswer:
        """Return every version, newest first."""
        versions = self._service.versions(school_id)
        return ProfilesAnswer(profiles=tuple(map(ProfileAnswer.of, versions)))

    def declare(self, request: Request, school_id: str, body: ProfileIn) -> DeclaredAnswer:
        """Declare a new version; the answer names the verdicts of open cases that it changed."""
        held = self._records.school(school_id)
        school = body.to_domain(school_id, is_example=held.is_example if held else False)
        act = act_of(request, "profile.declare", self._clock(), body.why)
        return DeclaredAnswer.of(self._service.declare(school, body.seen, act))

    def townships(self) -> TownshipsAnswer:
        """Return the tree: townships and groups with the schools in them."""
        members: dict[str | None, list[str]] = defaultdict(list)
        for school in self._records.schools():
            members[school.township_id].append(school.id)
        return TownshipsAnswer(
            townships=tuple(
                TownshipAnswer.model_validate(one).model_copy(
                    update={"schools": tuple(members[one.id])}
                )
                for one in self._records.townships()
            ),
            schools_without=tuple(members[None]),
        )

    def put_township(self, request: Request, body: TownshipIn) -> TownshipAnswer:
        """Add a township or a group of schools, or change the one with this id."""
        parents = {one.id: one.parent_id for one in self._records.townships()}
        above = body.parent_id
        if above is not None and above not in parents:
            raise fields_wrong(RowError(None, "parent_id", "没有这个上级 / unknown"))
        while above is not None:
            if above == body.id:
                raise fields_wrong(RowError(None, "parent_id", "不能在自己之下 / a circle"))
            above = parents.get(above)
        township = Township(**dict(body))
        self._records.put_township(township, act_of(request, "township.put", self._clock()))
        return TownshipAnswer.model_validate(township)
