"""Every page of the example county: whose it is, where it is, and its name in the pictures."""

from __future__ import annotations

from dataclasses import dataclass

from county_story import ITEM, MEASURED, SCHOOL, Story


@dataclass(frozen=True)
class Place:
    """One page as one person sees it."""

    name: str
    path: str
    person: str


def places(story: Story) -> list[Place]:
    """Return all pages; those of a case need the term to have come as far as the appeal."""
    case, held = story.case_path(), story.round_path
    measured = f"/schools/{SCHOOL}/{MEASURED}"
    pages = {
        "": [("sign-in", "/sign-in"), ("set-password", "/set-password"), ("interface", "/docs")],
        "headmaster": [
            ("school-cases", f"{held}/schools/{SCHOOL}"),
            ("case-form", case),
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
            ("ranking", "/?view=ranking"),
            ("townships", "/?view=townships"),
            ("wall", "/wall"),
            ("school", measured),
            ("what-if", f"{measured}/what-if"),
            ("rubrics", "/rubrics"),
            ("rubric", f"/rubrics/{MEASURED}"),
            ("rounds", "/rounds"),
            ("round-new", "/rounds/new"),
            ("round", held),
            ("appeals", "/appeals"),
            ("agents", "/agents"),
            ("people", "/people"),
            ("audit", "/audit"),
            ("not-found", "/no-such-page"),
        ],
    }
    return [Place(name, path, who) for who, some in pages.items() for name, path in some]
