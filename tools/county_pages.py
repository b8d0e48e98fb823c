"""Every page of the example county: whose it is, where it is, and its name in the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from county_story import ITEM, MEASURED, RUBRIC, SCHOOL, Story
from fastapi import FastAPI
from starlette.routing import Route

NOT_PAGES = {
    "/openapi.json": "a document for programs",
    "/review-worker.js": "a script",
    "/schools/{school_id}/indicators/{indicator}/points.json": "the points of a chart",
    "/imports/schools/template.csv": "a file to fill in",
    "/imports/people/template.csv": "a file to fill in",
    "/imports/schools/files/{import_id}/problems.csv": "a file to correct",
    "/imports/people/files/{import_id}/problems.csv": "a file to correct",
    "/sign-in/oidc": "leads to the bureau's own sign-in service",
    "/sign-in/oidc/return": "where that service leads back",
    "/my-school": "leads to the school's cases",
}
"""What a browser can open without seeing a page of ours, and why it is none."""


@dataclass(frozen=True)
class Place:
    """One page as one person sees it."""

    name: str
    path: str
    person: str
    status: int = 200


def places(story: Story) -> list[Place]:
    """Return all pages; the term must have come as far as the appeal.

    The page of published results is among them once the results are published.
    """
    case, held = story.case_path(), story.round_path
    measured = f"/schools/{SCHOOL}/{MEASURED}"
    pages = {
        "": [("sign-in", "/sign-in"), ("set-password", "/set-password"), ("interface", "/docs")],
        "headmaster": [
            ("school-cases", f"{held}/schools/{SCHOOL}"),
            ("school-profile", f"/schools/{SCHOOL}/profile"),
            ("case-form", case),
            ("case-proposals", f"{case}/proposals"),
            ("case-evidence", f"{case}/evidence?item={ITEM}"),
            ("case-signing", f"{case}/signing"),
            ("case-result", f"{case}/result"),
            ("case-appeals", f"{case}/appeals"),
            ("account", "/account"),
        ],
        "inspector": [("reviews", "/review"), ("review", f"{case}/review?item={ITEM}")],
        "admin": [
            ("overview", "/"),
            ("heatmap", "/?view=heatmap"),
            ("ranking", f"/?view=ranking&rubric={RUBRIC}"),
            ("townships", "/?view=townships"),
            ("wall", "/wall"),
            ("school", measured),
            ("school-default", f"/schools/{SCHOOL}"),
            ("what-if", f"{measured}/what-if"),
            ("indicator", f"/schools/{SCHOOL}/indicators/outlet_capacity"),
            ("rubrics", "/rubrics"),
            ("rubric", f"/rubrics/{MEASURED}"),
            ("rubric-versions", f"/rubrics/{MEASURED}/versions"),
            ("rubric-effects", story.effects_path()),
            ("rounds", "/rounds"),
            ("round-new", "/rounds/new"),
            ("round", held),
            ("round-edit", f"{held}/edit"),
            ("appeals", "/appeals"),
            ("appeal", story.places["appeal"]),
            ("agents", "/agents"),
            ("tests-of-school", f"/agents/schools/{SCHOOL}"),
            ("schools", "/schools"),
            ("school-new", "/schools/new"),
            ("imports", "/imports"),
            ("import-schools", story.places["import-schools"]),
            ("import-people", story.places["import-people"]),
            ("people", "/people"),
            ("person", story.places["person"]),
            ("audit", "/audit"),
        ],
    }
    listed = [Place(name, path, who) for who, some in pages.items() for name, path in some]
    if "results" in story.places:
        listed.append(Place("round-results", story.places["results"], "admin"))
    return [*listed, Place("not-found", "/no-such-page", "admin", status=404)]


def without_a_place(app: FastAPI, listed: Sequence[Place]) -> set[str]:
    """Return the addresses that a browser can open and that no listed page is an example of."""
    routes = [route for route in _routes(app.routes) if "GET" in (route.methods or ())]
    shown = set()
    for place in listed:
        path = place.path.partition("?")[0]
        shown |= {next((one.path for one in routes if one.path_regex.match(path)), "")}
    programs = set(app.openapi()["paths"])
    return {one.path for one in routes} - programs - shown


def _routes(routes: Sequence[Any]) -> Iterator[Route]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included.routes)
        elif isinstance(route, Route):
            yield route
