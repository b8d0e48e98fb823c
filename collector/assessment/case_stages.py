"""The stages (阶段) of a case: those its document has, each on one side.

A document without a column of points for one side still lets that side leave remarks: 附件3-2 has
no stage at all, yet what is reported in it is checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.domain import Side
from rubrics.model import Rubric
from rubrics.model.base import Text

SCHOOL_ONLY_REMARKS = Text(zh="学校填报", en="The school's report")
OFFICIAL_ONLY_REMARKS = Text(zh="核验", en="Check by the bureau")


@dataclass(frozen=True, slots=True)
class CaseStage:
    """One stage. Without `has_points` it takes remarks alone."""

    id: str
    title: Text
    side: Side
    actor: str
    """`school`, `inspector` or `bureau`, as the document says."""
    has_points: bool = True


def case_stages(rubric: Rubric) -> tuple[CaseStage, ...]:
    """Return the stages in the order of the document; every side has at least one."""
    stages = [
        CaseStage(
            stage.id,
            stage.title,
            Side.SCHOOL if stage.actor == "school" else Side.OFFICIAL,
            stage.actor,
            rubric.scored,
        )
        for stage in rubric.stages
    ]
    sides = {stage.side for stage in stages}
    if Side.SCHOOL not in sides:
        stages.insert(
            0, CaseStage("school", SCHOOL_ONLY_REMARKS, Side.SCHOOL, "school", has_points=False)
        )
    if Side.OFFICIAL not in sides:
        stages.append(
            CaseStage(
                "official", OFFICIAL_ONLY_REMARKS, Side.OFFICIAL, "inspector", has_points=False
            )
        )
    return tuple(stages)


def official_stages(rubric: Rubric) -> tuple[CaseStage, ...]:
    """Return the stages of the review, in order; never empty."""
    return tuple(stage for stage in case_stages(rubric) if stage.side is Side.OFFICIAL)
