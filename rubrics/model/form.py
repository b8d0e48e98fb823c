"""The paper form around the items: what the document prints above, over and below its table."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from rubrics.model.base import Id, Many, Strict, Text

FieldContent = Literal["school", "person", "date", "signature", "seal", "total", "text"]
ColumnContent = Literal[
    "section", "title", "text", "scoring_text", "max", "points", "answer", "evidence", "remark"
]


class FormField(Strict):
    """One blank above or below the table: 学校, 督查时间, 得分合计."""

    id: Id
    title: Text
    """As printed."""
    holds: FieldContent


class FormColumn(Strict):
    """One column of the table, in printed order."""

    title: Text
    """As printed."""
    holds: ColumnContent
    stage: Id | None = None
    """The stage whose points stand in the column."""

    @model_validator(mode="after")
    def _stage_for_points(self) -> FormColumn:
        if (self.holds == "points") != (self.stage is not None):
            raise ValueError("`stage` goes with `holds: points`, and only with it")
        return self


class PrintedForm(Strict):
    """Head, column headings and foot of the official form; exports print them as they are."""

    head: Many[FormField] = ()
    columns: Many[FormColumn] = ()
    """Absent where the form is not a table with headings."""
    foot: Many[FormField] = ()
